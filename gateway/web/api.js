// SPDX-License-Identifier: EUPL-1.2
// Speaks the gateway's HTTP API: join, own state, moderation and the WHIP exchange.
import { hasText, t } from './i18n.js';

const TIMEOUT_MS = 15_000;

/** Is an answer of the API that is not a success; `code` is the API's stable word, "network" if nothing answered. */
export class ApiError extends Error {
  constructor(code, status = 0, retryAfterSeconds = null) {
    super(code);
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Says an error in the language of the page. */
export function explain(error) {
  const key = `error.${error.code}`;
  const isTries = error.code === 'too_many_tries' || !hasText(key);
  if (error.retryAfterSeconds && isTries) return t('error.wait', { count: error.retryAfterSeconds });
  return hasText(key) ? t(key) : t('error.other', { code: error.code ?? error.name });
}

/** Joins a meeting and returns the session that all later requests belong to. */
export async function join({ meeting, pin, name, language }) {
  const response = await request('POST', '/api/join', { json: { meeting, pin, name, language } });
  return new Session(await response.json());
}

/** Is one person's stay: knows the bearer token, which is never stored and never put into the page's address. */
export class Session {
  #token;
  #location = null;

  constructor({ participant, token, role, state, media, events, invite, joint }) {
    this.participant = participant;
    this.role = role;
    this.state = state;
    this.media = media;
    this.mayInvite = Boolean(invite);
    this.mayShare = Boolean(joint);
    this.#token = token;
    this.eventsUrl = `${events}?token=${encodeURIComponent(token)}`;
  }

  setMuted(muted) { return this.#post('/api/me/mute', { muted }); }
  /** Writes to all who are in the room. */
  say(text) { return this.#post('/api/chat', { text }); }
  /** Calls an address into the room; returns the number that later notices carry. */
  async invite(address) { return (await this.#post('/api/invite', { address })).json(); }
  setHand(raised) { return this.#post('/api/me/hand', { raised }); }
  muteOther(id) { return this.#post(`/api/participants/${encodeURIComponent(id)}/mute`, { muted: true }); }
  lowerHand(id) { return this.#post(`/api/participants/${encodeURIComponent(id)}/hand`, { raised: false }); }
  remove(id) { return this.#post(`/api/participants/${encodeURIComponent(id)}/remove`); }
  admit(id) { return this.#post(`/api/participants/${encodeURIComponent(id)}/admit`); }
  setLocked(locked) { return this.#post('/api/room/lock', { locked }); }
  setWaitingRoom(enabled) { return this.#post('/api/room/waiting-room', { enabled }); }
  admitAll() { return this.#post('/api/room/admit-all'); }
  /** Lists the authorities that the room may be shared with. */
  async authorities() { return (await (await request('GET', '/api/joint', { token: this.#token })).json()).partners; }
  inviteAuthority(partner) { return this.#post('/api/joint/invite', { partner }); }
  partFrom(partner) { return this.#post('/api/joint/part', { partner }); }
  endJoint() { return this.#post('/api/joint/end'); }
  endRoom() { return this.#post('/api/room/end'); }

  /** Sends our offer and returns the answer (RFC 9725 §4.2); remembers the Location for the DELETE. */
  async offer(sdp) {
    const response = await request('POST', this.media, { token: this.#token, body: sdp, type: 'application/sdp' });
    this.#location = response.headers.get('Location');
    return response.text();
  }

  /** Ends our media and our stay; also works while the page is being closed. */
  leave() {
    const headers = { Authorization: `Bearer ${this.#token}` };
    const requests = [fetch('/api/me/leave', { method: 'POST', keepalive: true, headers })];
    if (this.#location) requests.push(fetch(this.#location, { method: 'DELETE', keepalive: true, headers }));
    this.#location = null;
    return Promise.allSettled(requests);
  }

  #post(path, json) { return request('POST', path, { token: this.#token, json }); }
}

async function request(method, path, { token, json, body, type }) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (json !== undefined) { headers['Content-Type'] = 'application/json'; body = JSON.stringify(json); }
  if (type) headers['Content-Type'] = type;
  let response;
  try {
    response = await fetch(path, { method, headers, body, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new ApiError('network');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const retryAfter = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  throw new ApiError(problem.error ?? `http_${response.status}`, response.status, response.status === 429 && retryAfter > 0 ? retryAfter : null);
}
