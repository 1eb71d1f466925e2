// SPDX-License-Identifier: EUPL-1.2
// Runs the panel of microphone, loudspeaker and level; the same panel serves the join form and the room.
import { byId, element, setText } from './dom.js';
import { onLanguage, t } from './i18n.js';
import { LevelMeter, levelWord, listDevices, openMicrophone } from './microphone.js';

const SPOKEN_EVERY_MS = 1_000;

/** Owns the open microphone. `onTrack(track | null)` tells of every change, `onLost()` of a device pulled out. */
export class Sound {
  #stream = null;
  #silence = null;
  #reason = null;
  #level = { percent: 0, at: 0 };
  #meter = new LevelMeter((percent) => this.#showLevel(percent));

  constructor({ audio, raw, onTrack, onLost }) {
    Object.assign(this, { audio, raw, onTrack, onLost });
    byId('microphone-check').addEventListener('click', () => this.open().catch(() => {}));
    byId('microphone').addEventListener('change', (event) => this.open(event.target.value).catch(() => {}));
    byId('speaker').addEventListener('change', (event) => this.audio.setSinkId(event.target.value).catch(() => {}));
    navigator.mediaDevices?.addEventListener?.('devicechange', () => { if (this.#stream) this.#listDevices(); });
    onLanguage(() => { this.#showReason(); this.#listDevices(); });
  }

  /** Returns the microphone's track, or null. */
  get track() { return this.#stream?.getAudioTracks()[0] ?? null; }

  /** Opens the microphone, or rejects after saying why not. */
  async open(deviceId = null) {
    this.#reason = null;
    this.#showReason();
    let stream;
    try {
      stream = await openMicrophone({ deviceId, raw: this.raw });
    } catch (error) {
      this.#reason = error.reason ?? 'failed';
      this.#showReason();
      throw error;
    }
    this.#stop();
    this.#stream = stream;
    this.track.addEventListener('ended', () => { if (stream === this.#stream) { this.close(); this.onLost(); } });
    this.#meter.watch(stream);
    byId('sound-controls').hidden = false;
    byId('microphone-hint').hidden = true;
    const hadFocus = document.activeElement === byId('microphone-check');
    byId('microphone-check').hidden = true;
    await this.#listDevices();
    if (hadFocus) byId('microphone').focus();
    this.onTrack(this.track);
  }

  /** Lets the microphone go. */
  close() {
    this.#stop();
    byId('sound-controls').hidden = true;
    byId('microphone-check').hidden = false;
    this.onTrack(null);
  }

  /** Returns a track of silence, so that a listener's path through firewalls stays open. */
  silentTrack() {
    if (this.#silence?.readyState !== 'live') {
      this.#silence = new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
    }
    return this.#silence;
  }

  /** Moves the panel into the named slot. */
  moveTo(slot) { document.querySelector(`[data-slot="${slot}"]`).append(byId('sound-panel')); }

  #stop() {
    this.#meter.stop();
    const stream = this.#stream;
    this.#stream = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  async #listDevices() {
    if (!this.#stream) return;
    const { inputs, outputs } = await listDevices();
    options(byId('microphone'), inputs, this.track?.getSettings().deviceId);
    const canChoose = typeof this.audio.setSinkId === 'function' && outputs.length > 0;
    byId('speaker-field').hidden = !canChoose;
    if (canChoose) options(byId('speaker'), outputs, this.audio.sinkId || 'default');
  }

  #showReason() {
    const box = byId('microphone-error');
    box.hidden = !this.#reason;
    setText(box, this.#reason ? t(`microphone.${this.#reason}`) : '');
  }

  #showLevel(percent) {
    const bar = byId('level');
    bar.firstElementChild.style.transform = `scaleX(${percent / 100})`;
    const now = Date.now();
    if (now - this.#level.at < SPOKEN_EVERY_MS && percent !== 0) { this.#level.percent = Math.max(this.#level.percent, percent); return; }
    const shown = Math.max(this.#level.percent, percent);
    this.#level = { percent: 0, at: percent === 0 ? 0 : now };
    const word = t(`sound.${levelWord(shown)}`);
    bar.setAttribute('aria-valuenow', String(shown));
    bar.setAttribute('aria-valuetext', word);
    setText(byId('level-word'), word);
  }
}

function options(select, devices, chosen) {
  const items = devices.map((device, index) => element('option', { value: device.deviceId, text: device.label || t('sound.numbered', { n: index + 1 }) }));
  if (items.length === 0) items.push(element('option', { value: '', text: t('sound.default') }));
  select.replaceChildren(...items);
  if (devices.some((device) => device.deviceId === chosen)) select.value = chosen;
}
