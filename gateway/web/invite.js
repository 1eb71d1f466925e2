// SPDX-License-Identifier: EUPL-1.2
// Lets a moderator call somebody into the meeting, and shows what becomes of each call.
import { explain } from './api.js';
import { say, sayNow } from './announce.js';
import { byId, element, setText } from './dom.js';
import { hasText, t } from './i18n.js';

const KEPT_ROWS = 5;

/** Is the invitations of one stay. */
export class Invitations {
  #sent = new Map();
  #early = new Map();
  #error = null;

  constructor({ session }) {
    this.session = session;
    byId('invite').hidden = !session.mayInvite;
    byId('invitations').replaceChildren();
    byId('invite-address').value = '';
    byId('invite-form').onsubmit = (event) => { event.preventDefault(); this.#send(); };
    byId('invite-address').oninput = () => this.#show(null);
    this.#show(null);
  }

  /** Takes a notice about an invitation. */
  notice({ invitation, state }) {
    // The call may ring before the answer to our request is here.
    if (!this.#sent.has(invitation)) { this.#early.set(invitation, state); return; }
    const sent = this.#sent.get(invitation);
    if (sent.state === state) return;
    sent.state = state;
    this.draw();
    say(words(sent));
  }

  /** Draws all rows, also after a change of the language. */
  draw() {
    const rows = [...this.#sent.values()].slice(-KEPT_ROWS).map((sent) => element('li', { text: words(sent) }));
    byId('invitations').replaceChildren(...rows);
    byId('invitations').hidden = rows.length === 0;
    if (this.#error) this.#show(this.#error);
  }

  async #send() {
    const field = byId('invite-address');
    const address = field.value.trim().replace(/^xmpp:/iu, '');
    if (!/^[^@\s/]+@[^@\s/]+$/u.test(address)) { this.#refuse({ code: 'bad_address' }); return; }
    try {
      const { invitation } = await this.session.invite(address);
      this.#sent.set(invitation, { address, state: 'calling' });
      if (field.value.trim().endsWith(address)) field.value = '';
      this.#show(null);
      this.draw();
      const early = this.#early.get(invitation);
      this.#early.delete(invitation);
      if (early) this.notice({ invitation, state: early });
      else say(t('invite.calling', { address }));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error) {
    this.#show(error);
    sayNow(byId('invite-error').textContent);
    byId('invite-address').focus();
  }

  #show(error) {
    this.#error = error;
    setText(byId('invite-error'), error ? explain(error) : '');
    if (error) byId('invite-address').setAttribute('aria-invalid', 'true');
    else byId('invite-address').removeAttribute('aria-invalid');
  }
}

function words({ address, state }) {
  return t(hasText(`invite.${state}`) ? `invite.${state}` : 'invite.failed', { address });
}
