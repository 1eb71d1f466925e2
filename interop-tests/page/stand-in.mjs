// SPDX-License-Identifier: EUPL-1.2
// Is a test stand-in of the gateway's public HTTP listener: it serves gateway/web/ and plays one room by the same API.
// It carries no sound itself; `answer` (offer SDP → answer SDP) is given by the test.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../gateway/web/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(self), speaker-selection=(self)',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

export const MEETING = '1234567890';
export const PIN = '0987654321';
export const MODERATOR_PIN = '1111122222';

/** Starts the stand-in on a free loopback port. */
export async function startStandIn() {
  const room = new StandIn();
  const server = createServer((request, response) => {
    room.handle(request, response).catch((error) => { response.writeHead(500); response.end(String(error)); });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  room.origin = `http://127.0.0.1:${server.address().port}`;
  room.close = () => { server.closeAllConnections(); server.close(); };
  return room;
}

class StandIn {
  answer = null;
  log = [];
  streams = new Map();

  constructor() { this.reset(); }

  /** Empties the room. */
  reset() {
    for (const stream of this.streams.values()) stream.end();
    this.streams = new Map();
    this.room = { id: MEETING, name: 'Demo', locked: false, waiting_room: false, started: 1_767_258_000 };
    this.people = [];
    this.tokens = new Map();
    this.hands = [];
    this.log = [];
    this.failJoin = null;
    this.refuseEvents = false;
    this.lines = [];
    this.failChat = null;
    this.mayInvite = false;
    this.invited = [];
    this.authorities = [];
    this.next = 1;
  }

  /** Puts a person into the room who has no page. */
  add(person) {
    const added = { id: `p${this.next++}`, name: '', kind: 'phone', role: 'participant', muted: false, muted_by_moderator: false, speaking: false, waiting: false, ...person };
    this.people.push(added);
    if (person.hand) this.hands.push(added.id);
    this.tell();
    return added;
  }

  change(id, changes) { Object.assign(this.find(id), changes); this.tell(); }
  find(id) { return this.people.find((person) => person.id === id); }
  named(name) { return this.people.find((person) => person.name === name); }

  drop(id, cause) {
    this.people = this.people.filter((person) => person.id !== id);
    this.hands = this.hands.filter((hand) => hand !== id);
    this.send(id, 'ended', { cause });
    this.streams.get(id)?.end();
    this.streams.delete(id);
    this.tell();
  }

  endRoom(cause = 'room_ended') { for (const { id } of [...this.people]) this.drop(id, cause); }
  cutEvents() { for (const stream of this.streams.values()) stream.destroy(); }
  send(id, event, data) { this.streams.get(id)?.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`); }

  tell() {
    const participants = this.people.map((person) => ({ ...person, hand: this.hands.indexOf(person.id) + 1 || null }));
    for (const id of this.streams.keys()) {
      const me = this.find(id);
      if (!me) continue;
      const visible = me.waiting ? participants.filter((person) => person.id === id)
        : participants.filter((person) => !person.waiting || me.role === 'moderator');
      this.send(id, 'roster', { room: this.room, me: id, role: me.role, participants: visible });
    }
  }

  /** Writes as somebody, or as nobody of this room. */
  write(from, name, text) {
    const line = { id: this.lines.length + 1, from, name, text, at: 1_767_258_000 + this.lines.length };
    this.lines.push(line);
    for (const id of this.streams.keys()) this.send(id, 'chat', line);
  }

  async handle(request, response) {
    const url = new URL(request.url, this.origin);
    if (request.method === 'GET' && url.pathname === '/') return this.file(response, 'index.html');
    if (request.method === 'GET' && url.pathname.startsWith('/assets/')) return this.file(response, path.basename(url.pathname));
    if (request.method === 'GET' && url.pathname === '/stand-in/blank') { response.writeHead(200, { 'Content-Type': 'text/html' }); return response.end('<!doctype html><title>answering side</title>'); }
    const body = await text(request);
    this.log.push({ method: request.method, path: url.pathname, body });
    if (url.pathname === '/api/join') return this.join(response, JSON.parse(body));
    if (url.pathname === '/api/events') return this.events(response, url.searchParams.get('token'));
    const me = this.find(this.tokens.get((request.headers.authorization ?? '').replace('Bearer ', '')));
    if (!me) return problem(response, 401, 'unauthorized');
    if (url.pathname.startsWith('/whip/')) return this.whip(request, response, me, body);
    return this.command(response, me, url.pathname, body ? JSON.parse(body) : {});
  }

  async file(response, name) {
    const content = await readFile(path.join(WEB, name)).catch(() => null);
    if (!content) { response.writeHead(404); return response.end(); }
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[path.extname(name)], 'Cache-Control': 'no-store' });
    response.end(content);
  }

  join(response, { meeting, pin, name }) {
    if (this.failJoin) return problem(response, ...this.failJoin);
    if (meeting !== MEETING || ![PIN, MODERATOR_PIN].includes(pin)) return problem(response, 403, 'wrong_credentials');
    if (this.room.locked) return problem(response, 423, 'locked');
    const role = pin === MODERATOR_PIN ? 'moderator' : 'participant';
    const waiting = this.room.waiting_room && role !== 'moderator';
    const person = this.add({ name, kind: 'browser', role, waiting });
    const token = `token-${person.id}`;
    this.tokens.set(token, person.id);
    json(response, 200, { participant: person.id, token, role, state: waiting ? 'waiting' : 'joined', media: `/whip/${MEETING}`, events: '/api/events', joint: this.authorities.length > 0 && role === 'moderator', invite: this.mayInvite && role === 'moderator' });
  }

  events(response, token) {
    const id = this.tokens.get(token);
    if (!this.find(id) || this.refuseEvents) return problem(response, 401, 'unauthorized');
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 300\n\n');
    this.streams.set(id, response);
    for (const line of this.lines) this.send(id, 'chat', line);
    response.on('close', () => { if (this.streams.get(id) === response) this.streams.delete(id); });
    this.tell();
  }

  async whip(request, response, me, body) {
    if (request.method === 'DELETE') { response.writeHead(200); return response.end(); }
    if (!this.answer) return problem(response, 503, 'overloaded');
    const answer = await this.answer(body);
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `/whip/${MEETING}/${me.id}` });
    response.end(answer);
  }

  command(response, me, where, body) {
    if (where === '/api/chat' && this.failChat) return problem(response, ...this.failChat);
    if (where === '/api/invite') {
      if (body.address.endsWith('evil.example')) return problem(response, 403, 'not_allowed');
      this.invited.push(body.address);
      return json(response, 202, { invitation: this.invited.length });
    }
    if (where.startsWith('/api/joint')) {
      if (me.role !== 'moderator') return problem(response, 403, 'not_moderator');
      return this.share(response, where, body.partner);
    }
    const other = /^\/api\/participants\/([^/]+)\/(\w+)$/.exec(where);
    const moderates = other || where.startsWith('/api/room/');
    if (moderates && me.role !== 'moderator') return problem(response, 403, 'not_moderator');
    if (other && !this.find(other[1])) return problem(response, 404, 'no_such_participant');
    if (other) this.moderate(other[2], this.find(other[1]));
    else if (where === '/api/me/mute') Object.assign(me, { muted: body.muted, muted_by_moderator: false });
    else if (where === '/api/me/hand') this.hands = body.raised ? [...new Set([...this.hands, me.id])] : this.hands.filter((id) => id !== me.id);
    else if (where === '/api/chat') this.write(me.id, me.name, body.text);
    else if (where === '/api/me/leave') this.drop(me.id, 'left');
    else if (where === '/api/room/lock') this.room.locked = body.locked;
    else if (where === '/api/room/waiting-room') this.room.waiting_room = body.enabled;
    else if (where === '/api/room/admit-all') for (const person of this.people.filter(({ waiting }) => waiting)) this.moderate('admit', person);
    else if (where === '/api/room/end') this.endRoom();
    else return problem(response, 400, 'bad_request');
    response.writeHead(204);
    response.end();
    this.tell();
  }

  share(response, where, partner) {
    if (where === '/api/joint') return json(response, 200, { partners: this.authorities });
    if (where === '/api/joint/end') { response.writeHead(202); response.end(); return this.endRoom(); }
    if (partner === 'closed.example') return problem(response, 403, 'not_allowed');
    this.joint(partner, where.endsWith('invite') ? 'calling' : 'parted');
    response.writeHead(202);
    return response.end();
  }

  /** Brings a partner into a state and tells everybody what the gateway would. */
  joint(partner, state) {
    const known = this.authorities.find((listed) => listed.partner === partner);
    const before = this.room.joint?.find((joint) => joint.partner === partner)?.state;
    const others = (this.room.joint ?? []).filter((joint) => joint.partner !== partner);
    this.room.joint = [...others, { partner, authority: known.authority, state }];
    this.tell();
    const notice = { calling: 'invited', up: before === 'away' ? 'back' : 'joined', away: 'away', parted: 'left', refused: 'refused' }[state];
    for (const id of this.streams.keys()) this.send(id, 'notice', { notice: `partner_${notice}`, partner, authority: known.authority });
  }

  moderate(action, person) {
    if (action === 'mute') { Object.assign(person, { muted: true, muted_by_moderator: true }); this.send(person.id, 'notice', { notice: 'muted_by_moderator', by_moderator: true }); }
    if (action === 'hand') { this.hands = this.hands.filter((id) => id !== person.id); this.send(person.id, 'notice', { notice: 'hand_lowered_by_moderator', by_moderator: true }); }
    if (action === 'admit') { person.waiting = false; this.send(person.id, 'notice', { notice: 'admitted' }); }
    if (action === 'remove') this.drop(person.id, 'removed');
  }
}

async function text(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
  response.end(JSON.stringify(value));
}

function problem(response, status, error, headers) { json(response, status, { error, message: error }, headers); }
