// SPDX-License-Identifier: EUPL-1.2
// Draws the people: one row each, kept by id so that focus and screen reader position survive every update.
import { element, icon, setText } from './dom.js';
import { t } from './i18n.js';

const ACTIONS = {
  mute: { icon: 'mic-off', text: 'do.mute', label: 'do.mute_who' },
  lower: { icon: 'hand-down', text: 'do.lower', label: 'do.lower_who' },
  remove: { icon: 'remove', text: 'do.remove', label: 'do.remove_who', dialog: true },
  admit: { icon: 'admit', text: 'do.admit', label: 'do.admit_who' },
  turn_away: { icon: 'remove', text: 'do.turn_away', label: 'do.turn_away_who', dialog: true },
};

/** Returns the name to show; phones without a name get a word. */
export const nameOf = (person) => person.name?.trim() || t('person.unnamed');

/** Sorts: oneself, then raised hands in their order, then everybody as the server lists them. */
export function ordered(people, me) {
  const rank = (person) => (person.id === me ? -1 : person.hand ?? Number.MAX_SAFE_INTEGER);
  return [...people].sort((a, b) => rank(a) - rank(b));
}

/** Brings `list` up to date. `act(action, person)` is called for a moderator's buttons; `fallback` takes a lost focus. */
export function drawRoster(list, people, { me, moderator, act, fallback }) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const focusedRow = focused?.closest('li');
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  people.forEach((person, index) => {
    const row = rows.get(person.id) ?? emptyRow(person.id);
    rows.delete(person.id);
    fill(row, person, { me, moderator, act });
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
  for (const row of rows.values()) row.remove();
  if (focused && document.activeElement !== focused) {
    (focused.isConnected ? focused : focusedRow?.isConnected && focusedRow.querySelector('button') || fallback).focus();
  }
}

function emptyRow(id) {
  return element('li', { 'data-id': id, class: 'person' },
    element('span', { class: 'avatar', 'aria-hidden': 'true' }),
    element('div', { class: 'who' }, element('span', { class: 'name', dir: 'auto' }), element('span', { class: 'marks' })),
    element('div', { class: 'acts' }));
}

function fill(row, person, { me, moderator, act }) {
  const name = nameOf(person);
  row.classList.toggle('speaking', Boolean(person.speaking));
  drawAvatar(row.querySelector('.avatar'), person, name);
  setText(row.querySelector('.name'), name);
  drawMarks(row.querySelector('.marks'), marksOf(person, me));
  drawActions(row.querySelector('.acts'), moderator && person.id !== me ? actionsOf(person) : [], person, name, act);
}

function drawAvatar(holder, person, name) {
  const letters = initials(name);
  const key = letters || person.kind;
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  holder.replaceChildren(letters || icon(person.kind === 'phone' ? 'phone' : 'speaking'));
}

function marksOf(person, me) {
  const marks = [];
  if (person.id === me) marks.push({ kind: 'you', text: t('mark.you') });
  if (person.origin) marks.push({ kind: 'origin', icon: 'bridge', text: person.origin });
  if (person.away) marks.push({ kind: 'away', icon: 'warn', text: t('mark.away') });
  if (person.role === 'moderator') marks.push({ kind: 'moderator', icon: 'moderator', text: t('mark.moderator') });
  if (person.kind === 'phone') marks.push({ kind: 'phone', icon: 'phone', text: t('mark.phone') });
  if (person.kind === 'xmpp') marks.push({ kind: 'xmpp', text: t('mark.xmpp') });
  if (person.hand) marks.push({ kind: 'hand', icon: 'hand', text: t('mark.hand', { n: person.hand }) });
  if (person.muted) marks.push({ kind: 'muted', icon: 'mic-off', text: t(person.muted_by_moderator ? 'mark.muted_by_moderator' : 'mark.muted') });
  if (person.speaking) marks.push({ kind: 'speaking', icon: 'speaking', text: t('mark.speaking') });
  return marks;
}

function drawMarks(holder, marks) {
  const key = JSON.stringify(marks);
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  holder.replaceChildren(...marks.flatMap((mark) => [
    element('span', { class: 'visually-hidden', text: ', ' }),
    element('span', { class: `mark ${mark.kind}` }, ...(mark.icon ? [icon(mark.icon)] : []), element('span', { text: mark.text })),
  ]));
}

function actionsOf(person) {
  if (person.waiting) return ['admit', 'turn_away'];
  return [...(person.hand ? ['lower'] : []), ...(person.muted ? [] : ['mute']), 'remove'];
}

function drawActions(holder, actions, person, name, act) {
  const present = new Map([...holder.children].map((button) => [button.dataset.act, button]));
  actions.forEach((action, index) => {
    const button = present.get(action) ?? actionButton(action);
    present.delete(action);
    const { text, label } = ACTIONS[action];
    setText(button.querySelector('span'), t(text));
    button.setAttribute('aria-label', t(label, { name }));
    button.onclick = () => act(action, person);
    if (holder.children[index] !== button) holder.insertBefore(button, holder.children[index] ?? null);
  });
  for (const button of present.values()) button.remove();
}

function actionButton(action) {
  const { icon: name, dialog } = ACTIONS[action];
  return element('button', { type: 'button', class: 'secondary small', 'data-act': action, 'aria-haspopup': dialog ? 'dialog' : null },
    icon(name), element('span'));
}

function initials(name) {
  const words = name.split(/[\s._@-]+/u).filter((word) => /^\p{L}/u.test(word));
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join('');
}
