// SPDX-License-Identifier: EUPL-1.2
// Listens to M, H, C and a held space bar; the person can switch all of them off (WCAG 2.1.4).

const TAP_MS = 300;

/** Calls toggleMute, toggleHand, write and talk(true|false) while `active()` holds; space talks only while `muted()`. */
export function listenToKeys({ active, muted, toggleMute, toggleHand, write, talk, muteButton }) {
  let talkingSince = null;

  const release = (event) => {
    if (talkingSince === null) return;
    // A short tap on the focused mute button is an ordinary press and leaves the microphone on.
    const tapped = event?.target === muteButton && Date.now() - talkingSince < TAP_MS;
    talkingSince = null;
    if (!tapped) talk(false);
  };

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !active()) return;
    if (event.key === ' ') {
      if (talkingSince !== null) { event.preventDefault(); return; }
      if (event.repeat || !muted() || !spaceIsFree(event.target, muteButton)) return;
      event.preventDefault();
      talkingSince = Date.now();
      talk(true);
      return;
    }
    if (event.repeat || isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const key = event.key.toLowerCase();
    if (key === 'm') { event.preventDefault(); toggleMute(); }
    if (key === 'h') { event.preventDefault(); toggleHand(); }
    if (key === 'c') { event.preventDefault(); write(); }
  });
  document.addEventListener('keyup', (event) => {
    if (event.key !== ' ' || talkingSince === null) return;
    event.preventDefault();
    release(event);
  });
  window.addEventListener('blur', () => release());
  document.addEventListener('visibilitychange', () => { if (document.hidden) release(); });
}

function spaceIsFree(target, muteButton) {
  return target === muteButton || !target.closest?.('button, a, input, select, textarea, dialog, summary');
}

function isTyping(target) {
  return Boolean(target.closest?.('input:not([type=checkbox]), select, textarea'));
}
