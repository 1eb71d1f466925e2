// SPDX-License-Identifier: EUPL-1.2
// A person at the real page of a real gateway: visitor.mjs SCRATCH NAME PIN HZ SECONDS
// Hums HZ into the microphone; prints one JSON line a second: what it hears and whom it sees. Lines appended to
// SCRATCH/NAME.do steer it: "click <css>", "key <key>", "write <line for the chat>", "invite <address>", "end".
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch, wave } from './browser.mjs';

const [scratch, name, pin, hz, seconds] = process.argv.slice(2);
const web = process.env.LANDBRIDGE_WEB ?? 'http://127.0.0.1:8080';
const meeting = process.env.LANDBRIDGE_MEETING ?? '1234567890';
const say = (what) => console.log(JSON.stringify(what));
const own = path.join(scratch, `browser-${name}`);
mkdirSync(own, { recursive: true });
writeFileSync(path.join(own, 'tone.wav'), wave(Number(hz)));

const browser = await launch({ scratch: own, microphone: path.join(own, 'tone.wav') });
try {
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  page.on('pageerror', (error) => say({ error: String(error) }));
  page.on('console', (message) => { if (message.type() === 'error') say({ console: message.text() }); });
  await page.goto(`${web}/?test=1&raw=1&meeting=${meeting}`);
  await page.fill('#pin', pin);
  await page.fill('#name', name);
  await page.click('#join-button');
  await page.waitForSelector('[data-screen="room"]:not([hidden]), [data-screen="waiting"]:not([hidden]), #join-error:not([hidden])');
  say({ joined: await page.evaluate(() => document.querySelector('[data-screen]:not([hidden])').dataset.screen) });
  let done = 0;
  for (let second = 0; second < Number(seconds); second += 1) {
    await page.waitForTimeout(1000);
    say(await page.evaluate(() => ({
      screen: document.querySelector('[data-screen]:not([hidden])').dataset.screen,
      title: document.querySelector('[data-screen]:not([hidden]) h1').textContent,
      roster: [...document.querySelectorAll('#roster > li')].map((row) => row.innerText.replace(/\s+/g, ' ').trim()),
      chat: [...document.querySelectorAll('#chat-log .line')].map((line) => [line.dataset.name, line.querySelector('.words').textContent]),
      calls: [...document.querySelectorAll('#invitations li')].map((row) => row.textContent),
      hears: window.landbridgeTest.heardPeakHz(8),
    })));
    const steps = path.join(scratch, `${name}.do`);
    const lines = existsSync(steps) ? readFileSync(steps, 'utf8').split('\n').filter(Boolean) : [];
    for (; done < lines.length; done += 1) {
      const [verb, ...rest] = lines[done].split(' ');
      if (verb === 'click') await page.click(rest.join(' '), { timeout: 3000 });
      if (verb === 'key') await page.keyboard.press(rest.join(' '));
      if (verb === 'write') { await page.fill('#chat-text', rest.join(' ')); await page.press('#chat-text', 'Enter'); }
      if (verb === 'invite') { await page.fill('#invite-address', rest.join(' ')); await page.press('#invite-address', 'Enter'); }
      if (verb === 'end') second = Infinity;
      say({ did: lines[done] });
    }
  }
  say({ stats: (await page.evaluate(() => window.landbridgeTest.stats())).filter((s) => s.type === 'inbound-rtp') });
  const screen = await page.screenshot({ path: path.join(own, 'last.png') });
  say({ screenshot: screen.length });
  // As a closed tab: the page has one last moment to say that it goes.
  await page.goto('about:blank');
  await page.waitForTimeout(300);
} finally {
  await browser.close();
}
