// SPDX-License-Identifier: EUPL-1.2
// Shows what people write to each other and sends one's own lines. The log is a live region: screen readers read new lines by themselves.
import { explain } from './api.js';
import { sayNow } from './announce.js';
import { byId, element, setText } from './dom.js';
import { currentLanguage, t } from './i18n.js';

const KEPT_LINES = 100;
const MAX_BYTES = 4096;
// So near to the end counts as the end: new lines scroll into view only for those who read along.
const AT_END_PX = 40;

/** Is the chat of one stay. */
export class Chat {
  #last = 0;
  #unread = 0;
  #inView = false;
  #watch;
  #sending = false;
  #error = null;

  constructor({ session, onUnread }) {
    Object.assign(this, { session, onUnread });
    byId('chat-log').replaceChildren();
    byId('chat-text').value = '';
    byId('chat-form').onsubmit = (event) => { event.preventDefault(); this.#send(); };
    byId('chat-text').onkeydown = (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    };
    byId('chat-text').oninput = () => this.#show(null);
    byId('chat-log').onscroll = () => this.#read();
    // Below the fold nobody sees a new line: the heading and the page's title count what is unread.
    this.#watch = new IntersectionObserver(([entry]) => { this.#inView = entry.isIntersecting; this.#read(); });
    this.#watch.observe(byId('chat-end'));
    this.#show(null);
    this.draw();
  }

  get unread() { return this.#unread; }

  /** Ends all watching. */
  close() { this.#watch.disconnect(); }

  /** Takes a line; a line that is known already comes again after a lost connection. */
  add(line) {
    if (line.id <= this.#last) return;
    this.#last = line.id;
    const log = byId('chat-log');
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;
    const row = element('div', { class: 'line' },
      element('p', { class: 'writer' }, element('span', { class: 'name', dir: 'auto' }), ' ', element('time', { datetime: new Date(line.at * 1000).toISOString() })),
      element('p', { class: 'words', dir: 'auto', text: line.text }));
    row.classList.toggle('mine', line.from === this.session.participant);
    row.dataset.name = line.name;
    drawHead(row);
    log.append(row);
    while (log.children.length > KEPT_LINES) log.firstElementChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
    if (line.from !== this.session.participant) this.#unread += 1;
    this.draw();
    this.#read();
  }

  /** Follows a change of the language. */
  draw() {
    const rows = byId('chat-log').children;
    byId('chat-empty').hidden = rows.length > 0;
    byId('chat-unread').hidden = this.#unread === 0;
    setText(byId('chat-unread'), this.#unread ? t('chat.unread', { count: this.#unread }) : '');
    // An empty log is nothing to stop at; one with lines can be scrolled by keyboard.
    byId('chat-log').tabIndex = rows.length > 0 ? 0 : -1;
    for (const row of rows) drawHead(row);
    if (this.#error) this.#show(this.#error);
  }

  // Lines are read when their end is in view.
  #read() {
    const log = byId('chat-log');
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;
    if (this.#inView && atEnd && !document.hidden) this.#unread = 0;
    byId('chat-unread').hidden = this.#unread === 0;
    this.onUnread(this.#unread);
  }

  async #send() {
    const field = byId('chat-text');
    const text = field.value.trim();
    if (this.#sending || !text) return;
    if (new TextEncoder().encode(text).length > MAX_BYTES) { this.#refuse({ code: 'unfit_text' }); return; }
    this.#sending = true;
    try {
      await this.session.say(text);
      // Whoever typed on meanwhile keeps what is new.
      if (field.value.trim() === text) field.value = '';
      this.#show(null);
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#sending = false;
    }
  }

  #refuse(error) {
    this.#show(error);
    sayNow(byId('chat-error').textContent);
    byId('chat-text').focus();
  }

  #show(error) {
    this.#error = error;
    setText(byId('chat-error'), error ? explain(error) : '');
    if (error) byId('chat-text').setAttribute('aria-invalid', 'true');
    else byId('chat-text').removeAttribute('aria-invalid');
  }
}

function drawHead(row) {
  const name = row.dataset.name.trim() || t('person.unnamed');
  const time = row.querySelector('time');
  setText(row.querySelector('.name'), row.classList.contains('mine') ? t('chat.mine', { name }) : name);
  setText(time, new Date(time.dateTime).toLocaleTimeString(currentLanguage(), { hour: '2-digit', minute: '2-digit', hour12: false }));
}
