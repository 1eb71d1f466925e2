// SPDX-License-Identifier: EUPL-1.2
// A person with livekit-client in Chromium: livekit.mjs SCRATCH NAME URL TOKEN HZ SECONDS
// Hums HZ into the microphone. Prints one JSON object a line: events as they come, and twice a second
// {"people": …, "hears": {identity: [{"hz", "db"}…]}}. Lines appended to SCRATCH/NAME.do steer it: "mute", "unmute",
// "digit 5", "leave", "join URL TOKEN". LIVEKIT_CLIENT names another npm package than livekit-client.
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { launch, modules, wave } from './browser.mjs';

const [scratch, name, url, token, hz, seconds] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const own = path.join(scratch, `livekit-${name}`);
mkdirSync(own, { recursive: true });
writeFileSync(path.join(own, 'tone.wav'), wave(Number(hz)));

const library = process.env.LIVEKIT_CLIENT ?? 'livekit-client';
const client = createRequire(path.join(modules, 'resolve.js')).resolve(library).replace(/livekit-client\.[^/]*$/, 'livekit-client.umd.js');
const pages = { '/': ['text/html', new URL('livekit.html', import.meta.url)], '/livekit-client.js': ['text/javascript', client] };
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
  const join = (...to) => page.evaluate((where) => window.join(...where), to).catch((error) => say({ error: String(error) }));
  await join(url, token);
  const steps = path.join(scratch, `${name}.do`);
  let done = 0;
  for (let half = 0; half < 2 * Number(seconds); half += 1) {
    await page.waitForTimeout(500);
    say(await page.evaluate(() => window.state()));
    const lines = existsSync(steps) ? readFileSync(steps, 'utf8').split('\n').filter(Boolean) : [];
    for (; done < lines.length; done += 1) {
      const [verb, ...rest] = lines[done].split(' ');
      if (verb === 'mute' || verb === 'unmute') await page.evaluate((muted) => window.mute(muted), verb === 'mute');
      if (verb === 'digit') await page.evaluate((digit) => window.digit(digit), rest[0]);
      if (verb === 'join') { await page.evaluate(() => window.leave()); await join(...rest); }
      if (verb === 'leave') half = Infinity;
      say({ did: verb });
    }
  }
  await page.evaluate(() => window.leave());
  await page.waitForTimeout(200);
} finally {
  await browser.close();
  server.close();
}
