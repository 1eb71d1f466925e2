// SPDX-License-Identifier: EUPL-1.2
// A person with stanza.js in Chromium: stanza.mjs SCRATCH NAME JID PASSWORD WEBSOCKET HZ SECONDS [auto]
// Hums HZ into the microphone and has a camera. Prints one JSON object a line: events as they come, and twice a second
// {"hears": [{"hz", "db"}…], "received"}. Lines appended to SCRATCH/NAME.do steer it: "call JID [video | direct]", "accept",
// "decline", "end", "mute", "unmute", "hold", "resume", "digits 123", "say JID TEXT", "quit". "auto" takes every call.
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch, modules, wave } from './browser.mjs';

const [scratch, name, jid, password, websocket, hz, seconds, auto] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const own = path.join(scratch, `stanza-${name}`);
mkdirSync(own, { recursive: true });
writeFileSync(path.join(own, 'tone.wav'), wave(Number(hz)));

const pages = { '/': ['text/html', new URL('stanza.html', import.meta.url)], '/stanza.js': ['text/javascript', path.join(modules, 'stanza.bundle.js')] };
// A microphone needs a page with an origin.
const server = createServer((request, response) => {
  const [type, file] = pages[request.url] ?? [];
  response.writeHead(file ? 200 : 404, { 'content-type': type ?? 'text/plain' });
  response.end(file && readFileSync(file));
});
await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });

const browser = await launch({ scratch: own, microphone: path.join(own, 'tone.wav') });
try {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => say({ error: String(error) }));
  page.on('console', (message) => { if (message.type() === 'error') say({ console: message.text() }); });
  await page.exposeFunction('tell', say);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate((how) => window.online(...how), [jid, password, websocket, auto === 'auto']);
  const steps = path.join(scratch, `${name}.do`);
  const verbs = {
    call: (to, kind) => page.evaluate((how) => window.call(...how), [to, kind]),
    accept: () => page.evaluate(() => window.accept()),
    decline: () => page.evaluate(() => window.decline()),
    end: () => page.evaluate(() => window.end()),
    mute: () => page.evaluate(() => window.mute(true)),
    unmute: () => page.evaluate(() => window.mute(false)),
    hold: () => page.evaluate(() => window.hold(true)),
    resume: () => page.evaluate(() => window.hold(false)),
    digits: (digits) => page.evaluate((keys) => window.digits(keys), digits),
    say: (to, ...words) => page.evaluate((how) => window.write(...how), [to, words.join(' ')]),
  };
  let done = 0;
  for (let tenth = 0; tenth < 10 * Number(seconds); tenth += 1) {
    await page.waitForTimeout(100);
    if (tenth % 5 === 0) say(await page.evaluate(() => window.state()));
    const lines = existsSync(steps) ? readFileSync(steps, 'utf8').split('\n').filter(Boolean) : [];
    for (; done < lines.length; done += 1) {
      const [verb, ...rest] = lines[done].split(' ');
      if (verb === 'quit') tenth = Infinity;
      else await verbs[verb](...rest).catch((error) => say({ error: String(error) }));
      say({ did: lines[done] });
    }
  }
} finally {
  await browser.close();
  server.close();
}
