// SPDX-License-Identifier: EUPL-1.2
// Lets a test hear what the person hears; present only with ?test=1 in the address.

const FFT_SIZE = 16_384;
const FLOOR_DB = -70;

/** Puts window.landbridgeTest in place; `currentCall()` returns the call or null. */
export function exposeListening(currentCall) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = FFT_SIZE;
  analyser.smoothingTimeConstant = 0;
  let stream = null;
  let source = null;

  const listen = () => {
    context.resume();
    const heard = currentCall()?.heard ?? null;
    if (heard === stream) return;
    source?.disconnect();
    stream = heard;
    source = heard && context.createMediaStreamSource(heard);
    source?.connect(analyser);
  };
  setInterval(listen, 200);

  window.landbridgeTest = {
    /** Resolves to the statistics of the present connection. */
    stats: async () => await currentCall()?.stats() ?? [],
    /** Returns the loudest `count` spectral peaks of the received sound, [{hz, db}], loudest first. */
    heardPeakHz: (count = 5) => {
      listen();
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(spectrum);
      return peaks(spectrum, context.sampleRate / FFT_SIZE).slice(0, count);
    },
  };
}

function peaks(spectrum, hzPerBin) {
  const found = [];
  for (let bin = 2; bin < spectrum.length - 2; bin += 1) {
    const [left, middle, right] = [spectrum[bin - 1], spectrum[bin], spectrum[bin + 1]];
    if (middle < FLOOR_DB || middle < left || middle <= right || middle < spectrum[bin - 2] || middle < spectrum[bin + 2]) continue;
    // A parabola through the three bins finds the true frequency between them.
    const offset = (left - right) / (2 * (left - 2 * middle + right));
    found.push({ hz: Math.round((bin + offset) * hzPerBin * 10) / 10, db: Math.round(middle * 10) / 10 });
  }
  return found.sort((a, b) => b.db - a.db);
}
