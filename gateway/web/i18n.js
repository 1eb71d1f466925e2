// SPDX-License-Identifier: EUPL-1.2
// Holds every text of the page in German and English; markup names a text by data-t, an aria-label by data-t-label.
import { de } from './text-de.js';
import { en } from './text-en.js';

const TEXTS = { de, en };
const listeners = new Set();
let language = 'en';

/** Returns the language in use, "de" or "en". */
export const currentLanguage = () => language;

/** Chooses the remembered language, else the browser's first one that we speak, else English. */
export function preferredLanguage(remembered, browserLanguages) {
  if (TEXTS[remembered]) return remembered;
  for (const tag of browserLanguages) {
    const short = tag.slice(0, 2).toLowerCase();
    if (TEXTS[short]) return short;
  }
  return 'en';
}

/** Switches the language, rewrites the marked texts and tells every listener. */
export function setLanguage(next) {
  language = TEXTS[next] ? next : 'en';
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', t(node.dataset.tLabel));
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
  for (const listener of listeners) listener(language);
}

/** Calls `listener` after each change of language. */
export const onLanguage = (listener) => listeners.add(listener);

/** Returns the text named `key` with {placeholders} filled in; a `count` selects the plural form key.one or key.other. */
export function t(key, values = {}) {
  const texts = TEXTS[language];
  const plural = values.count === undefined ? null : `${key}.${new Intl.PluralRules(language).select(values.count)}`;
  const text = (plural && texts[plural]) ?? texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Tells whether a text of that name exists. */
export const hasText = (key) => Object.hasOwn(TEXTS[language], key);
