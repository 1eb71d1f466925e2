// SPDX-License-Identifier: EUPL-1.2
// Runs the room's screen: the roster and what changed in it, one's own controls, moderation.
import { explain } from './api.js';
import { confirmed, hideMessage, say, sayNow, sayTogether, show } from './announce.js';
import { byId, element, icon, setIcon, setText } from './dom.js';
import { t } from './i18n.js';
import { jointMarks } from './joint.js';
import { drawRoster, nameOf, ordered } from './roster.js';

const SETTLE_MS = 1_000;
const MANY = 3;

/** Is the room as one person sees it. `sound` holds the microphone, `session` the API. */
export class RoomView {
  #roster = null;
  #muted = false;
  #wantedMuted = null;
  #toldMuted = false;
  #sending = false;
  #settled = 0;
  #settling = null;
  #lost = { events: null, media: null };
  #entered = false;
  #handTaken = false;

  constructor({ session, sound, name }) {
    Object.assign(this, { session, sound, name });
    byId('lock').onclick = () => this.#try(() => session.setLocked(!this.#roster?.room.locked));
    byId('waiting-room').onclick = () => this.#try(() => session.setWaitingRoom(!this.#roster?.room.waiting_room));
    byId('admit-all').onclick = () => this.#admitAll();
    byId('end').onclick = () => this.#end();
    byId('mute').onclick = () => this.toggleMute();
    byId('hand').onclick = () => this.toggleHand();
    byId('roster').replaceChildren();
    byId('waiting-roster').replaceChildren();
    hideMessage();
    this.#showLost();
  }

  get muted() { return this.#muted; }
  get me() { return this.#roster?.participants.find((person) => person.id === this.#roster.me) ?? null; }
  get moderator() { return (this.me?.role ?? this.#roster?.role ?? this.session.role) === 'moderator'; }
  get title() { return this.#roster?.room.name || t('room.untitled'); }

  get shared() { return Boolean(this.#roster?.room.joint?.some(({ state }) => state === 'up' || state === 'away')); }

  /** Is called once when the screen opens. */
  enter() {
    this.#entered = true;
    if (!this.sound.track) { this.setMuted(true); show(t('room.listen_only')); }
    this.draw();
    if (this.#roster) this.#sayEntered();
  }

  /** Takes a new snapshot and says what changed. */
  update(roster) {
    const before = this.#roster;
    this.#roster = roster;
    if (this.#entered) {
      if (before) this.#sayChanges(before, roster);
      else this.#sayEntered();
    }
    this.#followServer();
    this.draw();
  }

  /** Ends all timers. */
  close() { clearTimeout(this.#settling); }

  /** Takes a notice that only this person gets. */
  notice({ notice, by_moderator: byModerator }) {
    if (!byModerator) return;
    if (notice.startsWith('muted')) this.#mutedByModerator();
    if (notice.startsWith('hand_lowered')) { this.#handTaken = true; sayNow(t('said.hand_lowered_by_moderator')); }
  }

  /** Mutes or unmutes: the microphone at once, the server in order, the latest wish winning. */
  async setMuted(muted) {
    if (!muted && !this.sound.track) return;
    this.#muted = this.#wantedMuted = muted;
    this.applyMute();
    this.draw();
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#wantedMuted !== null) {
        const next = this.#wantedMuted;
        this.#wantedMuted = null;
        await this.session.setMuted(next);
      }
      if (!this.#muted) { this.#toldMuted = false; hideMessage(); }
    } catch (error) {
      this.#wantedMuted = null;
      if (!this.#muted) { this.#muted = true; this.applyMute(); }
      this.#report(error);
    } finally {
      this.#sending = false;
      this.#settled = Date.now() + SETTLE_MS;
      this.draw();
    }
  }

  /** Lets the microphone's track follow the mute state. */
  applyMute() { if (this.sound.track) this.sound.track.enabled = !this.#muted; }

  async toggleMute() {
    if (!this.sound.track) {
      await this.sound.open().catch(() => byId('microphone-check').focus());
      if (!this.sound.track) return;
      this.setMuted(false);
    } else {
      this.setMuted(!this.#muted);
    }
    say(t(this.#muted ? 'said.muted' : 'said.unmuted'));
  }

  toggleHand() { return this.#try(() => this.session.setHand(!this.me?.hand)); }

  /** Shows or clears the trouble of "events" or "media". */
  trouble(what, key, values) {
    const had = this.#lost[what];
    this.#lost[what] = key ? { key, values } : null;
    this.#showLost();
    if (key && had?.key !== key && key !== 'said.media_connecting') sayNow(t(key, values));
    if (!key && had && had.key !== 'said.media_connecting') say(t('said.back'));
  }

  draw() {
    const { moderator } = this;
    setText(byId('room-title'), this.title);
    setText(byId('counts'), this.#counts());
    this.#drawRoom();
    this.#drawMe();
    byId('moderation').hidden = !moderator;
    setText(byId('end').querySelector('span'), t(this.shared ? 'moderation.end_here' : 'moderation.end'));
    this.#showLost();
    if (!this.#roster) return;
    const shared = { me: this.#roster.me, moderator, act: (action, person) => this.#act(action, person) };
    drawRoster(byId('roster'), ordered(this.#inside(this.#roster), this.#roster.me), { ...shared, fallback: byId('people-title') });
    const waiting = this.#roster.participants.filter((person) => person.waiting);
    const wasThere = byId('waiting-people').contains(document.activeElement);
    drawRoster(byId('waiting-roster'), waiting, { ...shared, fallback: byId('waiting-people-title') });
    byId('waiting-people').hidden = waiting.length === 0;
    byId('admit-all').hidden = !moderator || waiting.length < 2;
    if (wasThere && waiting.length === 0) byId('people-title').focus();
  }

  #inside(roster) { return roster.participants.filter((person) => !person.waiting); }

  #counts() {
    if (!this.#roster) return '';
    const inside = this.#inside(this.#roster);
    const parts = [t('people', { count: inside.length })];
    const phones = inside.filter((person) => person.kind === 'phone').length;
    if (phones) parts.push(t('on_phone', { count: phones }));
    const waiting = this.#roster.participants.length - inside.length;
    if (waiting) parts.push(t('in_waiting', { count: waiting }));
    return parts.join(', ');
  }

  #drawRoom() {
    const room = this.#roster?.room ?? {};
    const marks = [];
    if (room.locked) marks.push(['lock', t('room.locked')]);
    if (room.waiting_room) marks.push(['wait', t('room.waiting_room_on')]);
    marks.push(...jointMarks(room));
    const list = byId('room-marks');
    const key = JSON.stringify(marks);
    if (list.dataset.key !== key) {
      list.dataset.key = key;
      list.replaceChildren(...marks.map(([name, text]) => element('li', { class: 'mark' }, icon(name), element('span', { text }))));
    }
    list.hidden = marks.length === 0;
    byId('lock').setAttribute('aria-checked', String(Boolean(room.locked)));
    byId('waiting-room').setAttribute('aria-checked', String(Boolean(room.waiting_room)));
  }

  #drawMe() {
    const me = this.me;
    const name = me ? nameOf(me) : this.name;
    const hasMicrophone = Boolean(this.sound.track);
    const parts = [t(this.moderator ? 'me.moderator' : 'me.participant', { name })];
    parts.push(`${t(!hasMicrophone ? 'me.listening' : this.#muted ? 'me.muted' : 'me.open')}.`);
    if (me?.hand) parts.push(`${t('me.hand', { n: me.hand })}.`);
    setText(byId('me'), parts.join(' '));
    const mute = byId('mute');
    mute.classList.toggle('off', this.#muted);
    setIcon(mute, this.#muted ? 'mic-off' : 'mic');
    setText(mute.querySelector('.text'), t(!hasMicrophone ? 'controls.no_microphone' : this.#muted ? 'controls.unmute' : 'controls.mute'));
    const hand = byId('hand');
    hand.classList.toggle('on', Boolean(me?.hand));
    setText(hand.querySelector('.text'), t(me?.hand ? 'controls.lower' : 'controls.raise'));
  }

  #followServer() {
    const { me } = this;
    if (!me || this.#sending) return;
    // Right after a change of our own a snapshot may still be older than it: look again when it must have arrived.
    const wait = this.#settled - Date.now();
    if (wait > 0) {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => { this.#followServer(); this.draw(); }, wait);
      return;
    }
    if (me.muted && !this.#muted) {
      this.#muted = true;
      this.applyMute();
      if (me.muted_by_moderator) this.#mutedByModerator();
    } else if (!me.muted && this.#muted) {
      // Only the person opens a microphone: whoever is muted here stays muted and says so again.
      this.setMuted(true);
    }
  }

  #mutedByModerator() {
    this.#muted = true;
    this.applyMute();
    if (!this.#toldMuted) { sayNow(t('said.muted_by_moderator')); show(t('said.muted_by_moderator')); }
    this.#toldMuted = true;
    this.draw();
  }

  #sayEntered() {
    const alone = this.#inside(this.#roster).length === 1;
    say(`${t('said.entered', { room: this.title })} ${alone ? t('said.first') : this.#counts()}`);
  }

  #sayChanges(before, after) {
    const was = new Map(before.participants.map((person) => [person.id, person]));
    const isThere = new Set(after.participants.map((person) => person.id));
    const came = [];
    for (const person of after.participants) {
      const old = was.get(person.id);
      if (person.id === after.me) this.#sayOwnChanges(old, person);
      else if (person.waiting && !old) sayTogether('said.waiting', nameOf(person));
      else if (!person.waiting && (!old || old.waiting)) came.push(person);
      else if (person.hand && !old.hand) say(t('said.hand_of', { name: nameOf(person) }));
    }
    sayMoves('said.joined', came);
    sayMoves('said.left', before.participants.filter((person) => !isThere.has(person.id) && !person.waiting));
    if (before.room.locked !== after.room.locked) say(t(after.room.locked ? 'said.locked' : 'said.unlocked'));
  }

  #sayOwnChanges(old, me) {
    if (!old || old.waiting) return;
    if (me.hand && me.hand !== old.hand) say(t('said.hand_raised', { n: me.hand }));
    if (!me.hand && old.hand) {
      if (!this.#handTaken) say(t('said.hand_lowered'));
      this.#handTaken = false;
    }
    if (me.role === 'moderator' && old.role !== 'moderator') say(t('said.moderator'));
  }

  #showLost() {
    const trouble = this.#lost.media ?? this.#lost.events;
    const calm = trouble?.key === 'said.media_connecting';
    byId('connection').hidden = !trouble;
    byId('connection').className = `message ${calm ? 'info' : 'warning'}`;
    byId('connection').firstElementChild.toggleAttribute('hidden', calm);
    setText(byId('connection-text'), trouble ? t(trouble.key, trouble.values) : '');
  }

  async #act(action, person) {
    const { session } = this;
    const name = nameOf(person);
    if (action === 'mute') return this.#try(() => session.muteOther(person.id));
    if (action === 'lower') return this.#try(() => session.lowerHand(person.id));
    if (action === 'admit') return this.#try(() => session.admit(person.id));
    const words = { title: t(`confirm.${action}_title`, { name }), text: t(`confirm.${action}_text`, { name }), yes: t(`do.${action}`) };
    if (await confirmed(words)) await this.#try(() => session.remove(person.id));
  }

  async #admitAll() {
    await this.#try(() => this.session.admitAll());
  }

  async #end() {
    const words = this.shared
      ? { title: t('confirm.end_here_title'), text: t('confirm.end_here_text'), yes: t('moderation.end_here') }
      : { title: t('confirm.end_title'), text: t('confirm.end_text'), yes: t('moderation.end') };
    if (await confirmed(words)) await this.#try(() => this.session.endRoom());
  }

  async #try(work) {
    try { await work(); } catch (error) { this.#report(error); }
  }

  #report(error) {
    const text = explain(error);
    show(text);
    sayNow(text);
  }
}

// The people of a partner may come and go all at once: then their number is enough.
function sayMoves(key, people) {
  const far = new Map();
  for (const person of people) if (person.origin) far.set(person.origin, [...(far.get(person.origin) ?? []), person]);
  for (const [authority, moved] of far) {
    if (moved.length > MANY) say(t(`${key}_far`, { count: moved.length, authority }));
    else for (const person of moved) sayTogether(key, nameOf(person));
  }
  for (const person of people) if (!person.origin) sayTogether(key, nameOf(person));
}
