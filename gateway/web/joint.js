// SPDX-License-Identifier: EUPL-1.2
// Lets a moderator share the meeting with other authorities, and tells everybody with whom it is shared.
import { explain } from './api.js';
import { confirmed, hideMessage, say, sayNow, show } from './announce.js';
import { byId, element, setText } from './dom.js';
import { hasText, t } from './i18n.js';

const INVITABLE = [undefined, 'parted', 'refused'];

/** Is the joint session as one person sees it. */
export class JointView {
  #listed = [];
  #states = [];
  #shown = '';
  #moderator = false;

  constructor({ session }) {
    this.session = session;
    byId('joint').hidden = true;
    byId('joint-partners').replaceChildren();
    byId('joint-end').onclick = () => this.#end();
  }

  /** Takes the partners of a roster; asks for the list when it may have changed. */
  update(roster) {
    this.#states = roster.room.joint ?? [];
    const me = roster.participants.find((person) => person.id === roster.me);
    this.#moderator = Boolean(me && !me.waiting && me.role === 'moderator' && this.session.mayShare);
    const key = JSON.stringify([this.#moderator, this.#states.map(({ partner }) => partner)]);
    if (key !== this.#shown) {
      this.#shown = key;
      this.#list();
    }
    this.draw();
  }

  /** Takes a notice about a partner. */
  notice({ notice, authority }) {
    const text = t(`said.${notice}`, { authority });
    if (notice === 'partner_away' || notice === 'partner_denied' || notice === 'partner_refused') {
      show(text);
      sayNow(text);
      return;
    }
    if (notice === 'partner_back') hideMessage();
    say(text);
  }

  /** Draws the list, also after a change of the language. */
  draw() {
    const partners = this.#partners();
    byId('joint').hidden = !this.#moderator || partners.length === 0;
    byId('joint-end').hidden = !partners.some(({ state }) => state === 'up' || state === 'away');
    const list = byId('joint-partners');
    const rows = new Map([...list.children].map((row) => [row.dataset.partner, row]));
    partners.forEach((partner, index) => {
      const row = rows.get(partner.partner) ?? emptyRow(partner.partner);
      rows.delete(partner.partner);
      this.#fill(row, partner);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    for (const row of rows.values()) row.remove();
  }

  #partners() {
    const states = new Map(this.#states.map((joint) => [joint.partner, joint]));
    const listed = this.#listed.map((partner) => ({ ...partner, ...(states.get(partner.partner) ?? {}) }));
    const known = new Set(listed.map(({ partner }) => partner));
    return [...listed, ...this.#states.filter(({ partner }) => !known.has(partner))];
  }

  #fill(row, { partner, authority, state }) {
    setText(row.querySelector('.name'), authority);
    setText(row.querySelector('.mark'), t(hasText(`joint.${state}`) ? `joint.${state}` : 'joint.none'));
    // One button for both, so that the focus stays where it is.
    const button = row.querySelector('button');
    const invites = INVITABLE.includes(state);
    setText(button, t(invites ? 'joint.invite' : 'joint.part'));
    button.setAttribute('aria-label', t(invites ? 'joint.invite_who' : 'joint.part_who', { authority }));
    if (invites) button.removeAttribute('aria-haspopup');
    else button.setAttribute('aria-haspopup', 'dialog');
    button.onclick = () => (invites ? this.#try(() => this.session.inviteAuthority(partner)) : this.#part(partner, authority));
  }

  async #list() {
    if (!this.#moderator) { this.#listed = []; return; }
    try {
      this.#listed = await this.session.authorities();
      this.draw();
    } catch (error) {
      // The next roster asks again.
      this.#shown = '';
      if (error.code !== 'network') this.#report(error);
    }
  }

  async #part(partner, authority) {
    const words = { title: t('confirm.part_title', { authority }), text: t('confirm.part_text', { authority }), yes: t('joint.part') };
    if (await confirmed(words)) await this.#try(() => this.session.partFrom(partner));
  }

  async #end() {
    const words = { title: t('confirm.joint_end_title'), text: t('confirm.joint_end_text'), yes: t('joint.end') };
    if (await confirmed(words)) await this.#try(() => this.session.endJoint());
  }

  async #try(work) {
    try { await work(); } catch (error) { this.#report(error); }
  }

  #report(error) {
    const text = explain(error.code === 'not_allowed' ? { ...error, code: 'partner_not_allowed' } : error);
    show(text);
    sayNow(text);
  }
}

/** Returns the marks that tell everybody with whom the meeting is shared. */
export function jointMarks(room) {
  return (room.joint ?? [])
    .filter(({ state }) => state === 'up' || state === 'away')
    .map(({ state, authority }) => [state === 'up' ? 'bridge' : 'warn', t(`room.joint_${state}`, { authority })]);
}

function emptyRow(partner) {
  return element('li', { 'data-partner': partner },
    element('span', { class: 'who' }, element('span', { class: 'name' }), element('span', { class: 'visually-hidden', text: ', ' }), element('span', { class: 'mark' })),
    element('button', { type: 'button', class: 'secondary small' }));
}
