// SPDX-License-Identifier: EUPL-1.2
// Starts Chromium with a microphone that hums 660 Hz, and an answering side inside it that hums 880 Hz and listens.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const modules = process.env.LANDBRIDGE_JS ?? path.join(os.homedir(), '.cache/landbridge/js');
const require = createRequire(path.join(modules, 'resolve.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const MICROPHONE_HZ = 660;
export const ROOM_HZ = 880;

/** Launches Chromium with fake media; `permission: false` leaves the question of the microphone open to the test; `microphone` is a WAV file to speak. */
export function launch({ scratch, permission = true, device = true, microphone } = {}) {
  const hum = microphone ?? path.join(scratch, 'hum.wav');
  if (!microphone) writeFileSync(hum, wave(MICROPHONE_HZ));
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...(device ? ['--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${hum}`] : []),
      ...(permission ? ['--use-fake-ui-for-media-stream'] : []),
      '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
      '--force-webrtc-ip-handling-policy=default', '--disable-features=WebRtcHideLocalIpsWithMdns',
    ],
  });
}

/** Opens the answering side: returns answer(offer) for the stand-in, and hears() = its strongest frequency in Hz. */
export async function answeringSide(browser, origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/stand-in/blank`);
  await page.evaluate((hz) => {
    const context = new AudioContext();
    const hum = new OscillatorNode(context, { frequency: hz });
    const sink = context.createMediaStreamDestination();
    hum.connect(new GainNode(context, { gain: 0.3 })).connect(sink);
    hum.start();
    const analyser = new AnalyserNode(context, { fftSize: 16_384, smoothingTimeConstant: 0 });
    window.peers = [];
    window.answer = async (offer) => {
      const peer = new RTCPeerConnection();
      window.peers.push(peer);
      peer.addEventListener('track', (event) => {
        const stream = new MediaStream([event.track]);
        Object.assign(new Audio(), { srcObject: stream, muted: true }).play();
        context.createMediaStreamSource(stream).connect(analyser);
      });
      await peer.setRemoteDescription({ type: 'offer', sdp: offer });
      peer.addTrack(sink.stream.getAudioTracks()[0], sink.stream);
      await peer.setLocalDescription(await peer.createAnswer());
      await new Promise((done) => {
        if (peer.iceGatheringState === 'complete') done();
        else { peer.addEventListener('icegatheringstatechange', () => { if (peer.iceGatheringState === 'complete') done(); }); setTimeout(done, 500); }
      });
      return peer.localDescription.sdp;
    };
    window.hears = () => {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const top = bins.reduce((best, db, bin) => (db > bins[best] ? bin : best), 0);
      return bins[top] < -70 ? null : top * context.sampleRate / 16_384;
    };
  }, ROOM_HZ);
  return {
    answer: (offer) => page.evaluate((sdp) => window.answer(sdp), offer),
    hears: () => page.evaluate(() => window.hears()),
    hangUp: () => page.evaluate(() => { for (const peer of window.peers.splice(0)) peer.close(); }),
  };
}

/** Returns what axe finds against WCAG 2.2 A and AA and its best practices, one line per finding. */
export async function axeFindings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}

/** Returns a WAV file of a sine. */
export function wave(hz, seconds = 4, rate = 48_000) {
  const samples = seconds * rate;
  const file = Buffer.alloc(44 + samples * 2);
  file.write('RIFF', 0); file.writeUInt32LE(36 + samples * 2, 4); file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16); file.writeUInt16LE(1, 20); file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24); file.writeUInt32LE(rate * 2, 28); file.writeUInt16LE(2, 32); file.writeUInt16LE(16, 34);
  file.write('data', 36); file.writeUInt32LE(samples * 2, 40);
  for (let index = 0; index < samples; index += 1) file.writeInt16LE(Math.round(9_000 * Math.sin(2 * Math.PI * hz * index / rate)), 44 + index * 2);
  return file;
}
