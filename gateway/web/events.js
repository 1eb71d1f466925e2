// SPDX-License-Identifier: EUPL-1.2
// Follows the room over server-sent events; the browser retries lost connections, we retry refused ones.

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const GIVE_UP_MS = 60_000;

/** Follows `url` until close(); handlers: roster(data), notice(data), chat(data), ended(data), state("open" | "lost" | "gone"). */
export class RoomEvents {
  #source = null;
  #timer = null;
  #tries = 0;
  #lostAt = null;

  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #open() {
    const source = this.#source = new EventSource(this.url);
    source.addEventListener('open', () => {
      this.#tries = 0;
      this.#lostAt = null;
      this.handlers.state('open');
    });
    source.addEventListener('error', () => this.#lost(source));
    for (const name of ['roster', 'notice', 'chat', 'ended']) {
      source.addEventListener(name, (event) => {
        const data = parsed(event.data);
        if (data) this.handlers[name](data);
      });
    }
  }

  #lost(source) {
    this.#lostAt ??= Date.now();
    if (Date.now() - this.#lostAt > GIVE_UP_MS) {
      source.close();
      this.handlers.state('gone');
      return;
    }
    this.handlers.state('lost');
    if (source.readyState !== EventSource.CLOSED) return;
    // Closed by the browser: the server refused. A few refusals in a row mean that our stay is over.
    if (this.#tries >= RETRY_MS.length) { this.handlers.state('gone'); return; }
    this.#timer = setTimeout(() => this.#open(), RETRY_MS[this.#tries]);
    this.#tries += 1;
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}
