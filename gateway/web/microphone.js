// SPDX-License-Identifier: EUPL-1.2
// Opens the microphone, names what went wrong, lists devices and meters the level.

const FLOOR_DB = -60;

/** Is a microphone fault; `reason` is no_device, denied, insecure, busy or failed. */
export class MicrophoneError extends Error {
  constructor(reason) { super(reason); this.reason = reason; }
}

/** Opens the device (or the default one) and returns its stream; `raw` switches the browser's processing off. */
export async function openMicrophone({ deviceId, raw }) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new MicrophoneError('insecure');
  const audio = { echoCancellation: !raw, noiseSuppression: !raw, autoGainControl: !raw, channelCount: { ideal: 1 } };
  if (deviceId) audio.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    if (deviceId && error.name === 'OverconstrainedError') return openMicrophone({ raw });
    throw new MicrophoneError(REASONS[error.name] ?? 'failed');
  }
}

const REASONS = {
  NotFoundError: 'no_device', DevicesNotFoundError: 'no_device',
  NotAllowedError: 'denied', SecurityError: 'denied',
  NotReadableError: 'busy', AbortError: 'busy',
};

/** Returns the input and output devices that the browser lets us see. */
export async function listDevices() {
  const devices = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
  const usable = (kind) => devices.filter((device) => device.kind === kind && device.deviceId);
  return { inputs: usable('audioinput'), outputs: usable('audiooutput') };
}

/** Measures a stream's level and reports 0–100 about ten times a second, with a word for it. */
export class LevelMeter {
  #context = null;
  #source = null;
  #analyser = null;
  #timer = null;

  constructor(report) { this.report = report; }

  watch(stream) {
    this.stop();
    this.#context ??= new AudioContext();
    this.#context.resume();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 2048;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#timer = setInterval(() => {
      this.#analyser.getFloatTimeDomainData(samples);
      this.report(percentOf(samples));
    }, 100);
  }

  stop() {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#source = null;
    this.report(0);
  }
}

/** Names the word of a level of 0–100. */
export function levelWord(percent) {
  if (percent < 15) return 'none';
  if (percent < 35) return 'low';
  return percent < 92 ? 'good' : 'loud';
}

function percentOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length + 1e-9);
  return Math.round(Math.max(0, Math.min(1, 1 - db / FLOOR_DB)) * 100);
}
