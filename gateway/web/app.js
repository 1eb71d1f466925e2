// SPDX-License-Identifier: EUPL-1.2
// Leads through the screens: join → waiting room → room → end, and keeps what outlives one meeting (name, language, keys).
import { explain, join } from './api.js';
import { hideMessage, say, sayNow, show } from './announce.js';
import { Call } from './call.js';
import { Chat } from './chat.js';
import { byId, setText } from './dom.js';
import { RoomEvents } from './events.js';
import { currentLanguage, hasText, onLanguage, preferredLanguage, setLanguage, t } from './i18n.js';
import { Invitations } from './invite.js';
import { JointView } from './joint.js';
import { exposeListening } from './listening.js';
import { RoomView } from './room.js';
import { listenToKeys } from './shortcuts.js';
import { Sound } from './sound.js';

const address = new URL(location.href);
const audio = byId('audio');
const state = { screen: null, session: null, room: null, chat: null, invitations: null, joint: null, events: null, call: null, ended: null, attempt: 0, joinError: null };
const sound = new Sound({ audio, raw: address.searchParams.get('raw') === '1', onTrack: trackChanged, onLost: microphoneLost });

begin();

function begin() {
  const pinInAddress = address.searchParams.has('pin');
  if (pinInAddress) {
    address.searchParams.delete('pin');
    history.replaceState(null, '', address);
  }
  byId('meeting').value = digits(address.searchParams.get('meeting') ?? '');
  byId('name').value = remembered('name') ?? '';
  byId('keys').checked = remembered('keys') !== 'off';
  byId('key-list').hidden = !byId('keys').checked;

  onLanguage(redraw);
  setLanguage(preferredLanguage(remembered('language'), navigator.languages ?? [navigator.language]));
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => { remember('language', button.dataset.language); setLanguage(button.dataset.language); });
  }
  byId('join-form').addEventListener('submit', (event) => { event.preventDefault(); submit({ listenOnly: false }); });
  byId('listen-button').addEventListener('click', () => submit({ listenOnly: true }));
  byId('again').addEventListener('click', () => open('join', firstEmpty()));
  for (const button of document.querySelectorAll('[data-action="leave"]')) button.addEventListener('click', () => end('left'));
  byId('toast-close').addEventListener('click', () => { hideMessage(); byId('room-title').focus(); });
  byId('sound-start').addEventListener('click', () => { state.call?.play(); byId('room-title').focus(); });
  byId('copy').addEventListener('click', copyLink);
  byId('keys').addEventListener('change', (event) => {
    remember('keys', event.target.checked ? 'on' : 'off');
    byId('key-list').hidden = !event.target.checked;
  });
  listenToKeys({
    active: () => state.screen === 'room' && byId('keys').checked,
    muted: () => Boolean(state.room?.muted && sound.track),
    toggleMute: () => state.room.toggleMute(),
    toggleHand: () => state.room.toggleHand(),
    write: () => byId('chat-text').focus(),
    talk: (on) => { state.room?.setMuted(!on); say(t(on ? 'said.unmuted' : 'said.muted')); },
    muteButton: byId('mute'),
  });
  window.addEventListener('pagehide', () => state.session?.leave());
  // A page that comes back from the browser's cache has already left the meeting.
  window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
  if (address.searchParams.get('test') === '1') exposeListening(() => state.call);
  open('join', null);
}

async function submit({ listenOnly }) {
  const attempt = state.attempt += 1;
  showJoinError(null);
  const input = validated();
  if (!input) return;
  byId('join-button').setAttribute('aria-disabled', 'true');
  setText(byId('join-button'), t('join.joining'));
  try {
    if (!listenOnly && !sound.track) {
      byId('listen-button').hidden = false;
      try { await sound.open(); } catch { byId('listen-button').focus(); return; }
    }
    if (attempt !== state.attempt) return;
    const session = await join({ ...input, language: currentLanguage() });
    remember('name', input.name);
    start(session, input.name);
  } catch (error) {
    showJoinError(error);
    byId('join-error').focus();
  } finally {
    if (attempt === state.attempt) {
      byId('join-button').removeAttribute('aria-disabled');
      setText(byId('join-button'), t('join.submit'));
    }
  }
}

function start(session, name) {
  state.session = session;
  state.room = new RoomView({ session, sound, name });
  state.chat = new Chat({ session, onUnread: retitle });
  state.invitations = new Invitations({ session });
  state.joint = new JointView({ session });
  state.events = new RoomEvents(session.eventsUrl, {
    roster: (roster) => {
      state.room.update(roster);
      state.joint.update(roster);
      if (state.screen === 'waiting' && state.room.me && !state.room.me.waiting) enter();
      byId('chat-far').hidden = !roster.participants.some((person) => person.kind === 'xmpp');
      retitle();
    },
    notice: (notice) => {
      if (notice.notice === 'admitted' && state.screen === 'waiting') enter();
      else if (notice.notice === 'invitation') state.invitations.notice(notice);
      else if (notice.notice.startsWith('partner_')) state.joint.notice(notice);
      else if (notice.notice === 'media_failed') state.call?.restart();
      else state.room.notice(notice);
    },
    chat: (line) => state.chat.add(line),
    ended: ({ cause }) => end(cause),
    state: (word) => {
      if (word === 'gone') end('connection_lost');
      else state.room.trouble('events', word === 'lost' ? 'said.events_lost' : null);
    },
  });
  if (session.state === 'waiting') open('waiting', byId('waiting-title'));
  else enter();
}

function enter() {
  const { session, room } = state;
  sound.moveTo('room-sound');
  state.call = new Call({
    exchange: (offer) => session.offer(offer),
    audio,
    onState: mediaChanged,
    onBlocked: (blocked) => { byId('sound-blocked').hidden = !blocked; },
  });
  open('room', byId('room-title'));
  room.enter();
  room.applyMute();
  state.call.start(sound.track ?? sound.silentTrack());
  navigator.wakeLock?.request('screen').catch(() => {});
}

function mediaChanged(word, error) {
  const { room } = state;
  if (word === 'connected') room.trouble('media', null);
  if (word === 'connecting' && byId('connection').hidden) room.trouble('media', 'said.media_connecting');
  if (word === 'lost') room.trouble('media', 'said.media_lost');
  if (word !== 'refused') return;
  if ([401, 403, 404, 410].includes(error.status)) end('connection_lost');
  else room.trouble('media', 'said.media_refused', { reason: explain(error) });
}

// The title tells what is unread to whoever looks at another tab.
function retitle() {
  if (state.screen !== 'room' || !state.room) return;
  const unread = state.chat?.unread ? `(${state.chat.unread}) ` : '';
  document.title = `${unread}${state.room.title} – Landbridge`;
}

function end(cause) {
  if (!state.session) return;
  state.events?.close();
  state.room?.close();
  state.chat?.close();
  state.call?.close();
  state.session.leave();
  sound.moveTo('sound');
  sound.close();
  Object.assign(state, { session: null, room: null, chat: null, invitations: null, joint: null, events: null, call: null, ended: cause });
  byId('listen-button').hidden = true;
  byId('pin').value = cause === 'left' || cause === 'connection_lost' || cause === 'draining' ? byId('pin').value : '';
  if (byId('confirm').open) byId('confirm').close();
  open('ended', byId('ended-title'));
}

function open(screen, focus) {
  state.screen = screen;
  for (const section of document.querySelectorAll('[data-screen]')) section.hidden = section.dataset.screen !== screen;
  redraw();
  window.scrollTo(0, 0);
  focus?.focus();
}

function redraw() {
  if (state.screen === 'ended') {
    const known = hasText(`ended.${state.ended}`) ? state.ended : 'other';
    setText(byId('ended-title'), t(`ended.${known}`));
    setText(byId('ended-text'), t(`ended.${known}.text`, { cause: state.ended }));
  }
  state.room?.draw();
  state.chat?.draw();
  state.invitations?.draw();
  state.joint?.draw();
  showJoinError(state.joinError);
  for (const node of document.querySelectorAll('.field-error[data-key]')) if (node.textContent) node.textContent = t(node.dataset.key);
  const titles = { join: t('join.title'), waiting: t('waiting.title'), ended: byId('ended-title').textContent, room: state.room?.title };
  document.title = titles[state.screen] ? `${titles[state.screen]} – Landbridge` : 'Landbridge';
}

function validated() {
  const input = { meeting: digits(byId('meeting').value), pin: digits(byId('pin').value), name: byId('name').value.trim() };
  const bad = [
    mark('meeting', /^\d{4,20}$/.test(input.meeting)),
    mark('pin', /^\d{0,20}$/.test(input.pin)),
    mark('name', input.name.length > 0),
  ].find(Boolean);
  bad?.focus();
  return bad ? null : input;
}

function mark(id, good) {
  const field = byId(id);
  const message = byId(`${id}-error`);
  message.dataset.key = `join.need_${id}`;
  setText(message, good ? '' : t(message.dataset.key));
  if (good) field.removeAttribute('aria-invalid');
  else field.setAttribute('aria-invalid', 'true');
  return good ? null : field;
}

function showJoinError(error) {
  state.joinError = error;
  byId('join-error').hidden = !error;
  setText(byId('join-error'), error ? explain(error) : '');
}

function trackChanged(track) {
  if (!state.call) return;
  state.room.applyMute();
  state.call.replaceTrack(track ?? sound.silentTrack());
  state.room.draw();
}

function microphoneLost() {
  if (!state.room) return;
  state.room.setMuted(true);
  show(t('microphone.lost'));
  sayNow(t('microphone.lost'));
}

async function copyLink() {
  const link = new URL('/', location.href);
  link.searchParams.set('meeting', digits(byId('meeting').value));
  const text = await navigator.clipboard.writeText(link.href)
    .then(() => t('settings.copied'), () => t('settings.copy_failed', { link: link.href }));
  show(text);
  say(text);
}

function firstEmpty() { return ['meeting', 'pin', 'name'].map(byId).find((field) => !field.value) ?? byId('join-title'); }
// Spaces, hyphens and dots help people to read long numbers; other characters stay, so that they are found wrong.
function digits(text) { return text.replace(/[\s.\-–#]/gu, ''); }
function remembered(key) { try { return localStorage.getItem(`landbridge.${key}`); } catch { return null; } }
function remember(key, value) { try { localStorage.setItem(`landbridge.${key}`, value); } catch { /* private mode: nothing is remembered */ } }
