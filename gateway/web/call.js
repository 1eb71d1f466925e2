// SPDX-License-Identifier: EUPL-1.2
// Carries our sound to the gateway and the room's sound to us: one RTCPeerConnection, one HTTP exchange, again on failure.

const GATHERING_MS = 500;
const DISCONNECTED_MS = 4_000;
const CONNECT_MS = 12_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** Is the media of one stay. Reports "connecting", "connected", "lost" and "refused" through `onState(state, error)`. */
export class Call {
  #peer = null;
  #sender = null;
  #track = null;
  #tries = 0;
  #retry = null;
  #grace = null;
  #closed = false;

  /** `exchange(offer)` resolves to the answer; `audio` is the element that plays the room. */
  constructor({ exchange, audio, onState, onBlocked }) {
    Object.assign(this, { exchange, audio, onState, onBlocked });
    this.wake = () => { if (this.#retry) this.#connect(); };
    window.addEventListener('online', this.wake);
  }

  /** Connects; `track` is the microphone's track or null to listen only. */
  start(track) {
    this.#track = track;
    return this.#connect();
  }

  /** Sends another microphone from now on, without a new exchange. */
  async replaceTrack(track) {
    this.#track = track;
    await this.#sender?.replaceTrack(track);
  }

  /** Connects anew after the gateway reported that our media failed; does nothing if that is under way. */
  restart() {
    if (!this.#closed && this.#peer?.connectionState === 'connected') this.#failed(this.#peer);
  }

  /** Returns the browser's statistics of the present connection as plain objects. */
  async stats() {
    const report = await this.#peer?.getStats();
    return report ? [...report.values()] : [];
  }

  /** Returns the room's sound as a stream, or null before it arrives. */
  get heard() { return this.audio.srcObject; }

  /** Starts playing after the browser held the sound back. */
  play() { return this.audio.play().then(() => this.onBlocked(false), () => this.onBlocked(true)); }

  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    window.removeEventListener('online', this.wake);
    this.#hangUp();
    this.audio.srcObject = null;
  }

  async #connect() {
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#hangUp();
    this.onState('connecting');
    const peer = this.#peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    peer.addEventListener('track', (event) => this.#hear(event));
    peer.addEventListener('connectionstatechange', () => this.#changed(peer));
    this.#grace = setTimeout(() => this.#failed(peer), CONNECT_MS);
    try {
      // Always sendrecv, so that a microphone added later needs no second exchange.
      this.#sender = peer.addTransceiver(this.#track ?? 'audio', { direction: 'sendrecv' }).sender;
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      const sdp = await this.exchange(peer.localDescription.sdp);
      if (peer === this.#peer) await peer.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      this.#failed(peer, error);
    }
  }

  #hear(event) {
    this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    this.play();
  }

  #changed(peer) {
    if (peer !== this.#peer) return;
    if (peer.connectionState === 'connected') {
      clearTimeout(this.#grace);
      this.#tries = 0;
      this.onState('connected');
    } else if (peer.connectionState === 'failed') {
      this.#failed(peer);
    } else if (peer.connectionState === 'disconnected') {
      clearTimeout(this.#grace);
      this.#grace = setTimeout(() => this.#failed(peer), DISCONNECTED_MS);
    }
  }

  #failed(peer, error = null) {
    if (this.#closed || peer !== this.#peer) return;
    this.#hangUp();
    const final = error?.status >= 400 && error.status < 500 && error.status !== 429;
    if (final) { this.onState('refused', error); return; }
    this.onState('lost', error);
    const delay = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)];
    this.#tries += 1;
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #hangUp() {
    clearTimeout(this.#grace);
    const peer = this.#peer;
    this.#peer = null;
    this.#sender = null;
    peer?.close();
  }
}

// The gateway takes one offer with all candidates: it does not trickle (RFC 9725 §4.3.2).
function gathered(peer) {
  if (peer.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((done) => {
    setTimeout(done, GATHERING_MS);
    peer.addEventListener('icegatheringstatechange', () => { if (peer.iceGatheringState === 'complete') done(); });
  });
}
