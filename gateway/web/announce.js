// SPDX-License-Identifier: EUPL-1.2
// Speaks to screen readers through the two live regions, and asks for confirmation in the dialog.
import { byId, element, setText } from './dom.js';
import { t } from './i18n.js';

const KEPT_MS = 15_000;
const GATHER_MS = 600;
const gathering = new Map();

/** Says something when the screen reader has time. */
export function say(text) {
  const line = element('p', { text });
  byId('polite').append(line);
  setTimeout(() => line.remove(), KEPT_MS);
}

/** Says something at once. */
export function sayNow(text) {
  const region = byId('assertive');
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, 50);
}

/** Says `key` once for all names that come within a moment, so that ten arrivals are one sentence. */
export function sayTogether(key, name) {
  if (!gathering.has(key)) {
    gathering.set(key, []);
    setTimeout(() => {
      const names = gathering.get(key);
      gathering.delete(key);
      const last = names.pop();
      say(t(key, { names: names.length ? names.join(', ') + t('and') + last : last }));
    }, GATHER_MS);
  }
  gathering.get(key).push(name);
}

/** Shows a message above the room until it is closed or replaced. */
export function show(text) {
  setText(byId('toast-text'), text);
  byId('toast').hidden = false;
}

/** Takes the message away. */
export function hideMessage() { byId('toast').hidden = true; }

/** Asks and resolves to true only if the person confirms; the focus starts on the harmless choice. */
export function confirmed({ title, text, yes }) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  return new Promise((done) => {
    const answer = (yes) => { done(yes); if (dialog.open) dialog.close(); };
    byId('confirm-no').onclick = () => answer(false);
    byId('confirm-yes').onclick = () => answer(true);
    dialog.oncancel = () => answer(false);
    // The browser reports a closing late: by then the next question may already be open.
    dialog.onclose = () => { if (!dialog.open) done(false); };
    dialog.showModal();
    byId('confirm-no').focus();
  });
}
