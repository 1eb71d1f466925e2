// SPDX-License-Identifier: EUPL-1.2
// Drives the page as people do, by mouse and by keyboard alone, in both languages and both colour schemes.
// Needs Chromium and a folder with the node modules of package.json (LANDBRIDGE_JS). As root on Linux it moves into a
// network namespace of its own first, because browsers gather every address of the machine for ICE.
// SCREENSHOTS=folder keeps a picture of every screen.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const NETWORK = 'ip link set lo up; ip link add lb0 type veth peer name lb1 || ip link add lb0 type dummy || exit 2; '
  + 'ip addr add 10.55.0.1/24 dev lb0; ip link set lb0 up; ip link set lb1 up 2>/dev/null; exec "$@"';
if (!process.env.LANDBRIDGE_NAMESPACE) {
  const env = { ...process.env, LANDBRIDGE_NAMESPACE: '1' };
  delete env.NODE_TEST_CONTEXT;
  const { status, error } = spawnSync('unshare', ['--net', 'sh', '-c', NETWORK, 'sh', process.execPath, '--test-reporter=spec', self], { env, stdio: 'inherit' });
  if (error) console.error(`cannot enter a network namespace (${error.message}); run as root with util-linux and iproute2`);
  process.exit(status ?? 1);
}

const { answeringSide, axeFindings, launch, MICROPHONE_HZ, ROOM_HZ } = await import('./browser.mjs');
const { MEETING, MODERATOR_PIN, PIN, startStandIn } = await import('./stand-in.mjs');
const { authorities, jointTests } = await import('./joint.mjs');
const pictures = process.env.SCREENSHOTS;
let scratch, standIn, browser, farSide, page, complaints;

before(async () => {
  scratch = mkdtempSync(path.join(os.tmpdir(), 'landbridge-page-'));
  if (pictures) mkdirSync(pictures, { recursive: true });
  standIn = await startStandIn();
  browser = await launch({ scratch });
  farSide = await answeringSide(browser, standIn.origin);
});
after(async () => {
  await browser?.close();
  standIn?.close();
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  await page?.context().close();
  standIn.reset();
  standIn.answer = farSide.answer;
});

test('the page has no accessibility violations on any screen, language and colour scheme', async (t) => {
  for (const locale of ['en', 'de']) {
    for (const colorScheme of ['light', 'dark']) {
      await t.test(`${locale} ${colorScheme}`, async () => {
        standIn.reset();
        await visit({ locale, colorScheme });
        await inspect('join', locale, colorScheme);
        await page.click('#join-button');
        await inspect('join-invalid', locale, colorScheme);
        standIn.failJoin = [403, 'wrong_credentials'];
        await fillIn({ pin: PIN });
        await page.click('#join-button');
        await page.waitForSelector('#join-error:not([hidden])');
        await inspect('join-refused', locale, colorScheme);

        standIn.failJoin = null;
        standIn.room.waiting_room = true;
        await page.click('#join-button');
        await page.waitForSelector('[data-screen=waiting]:not([hidden])');
        await inspect('waiting', locale, colorScheme);
        await page.click('[data-screen=waiting] [data-action=leave]');
        await page.waitForSelector('[data-screen=ended]:not([hidden])');
        await inspect('ended', locale, colorScheme);

        await page.click('#again');
        crowd();
        standIn.mayInvite = true;
        standIn.authorities = authorities();
        await joinAs({ pin: MODERATOR_PIN, name: 'Mira Vogel' });
        await page.waitForSelector('#invite:not([hidden])');
        standIn.write(null, 'Ayşe Yılmaz', 'Guten Tag!\nHello!');
        standIn.write(standIn.named('Mira Vogel').id, 'Mira Vogel', 'Moin');
        standIn.joint('sh.example', 'away');
        standIn.joint('bund.example', 'up');
        standIn.add({ name: 'Gast 3 (Schleswig-Holstein)', kind: 'federated', origin: 'Schleswig-Holstein', away: true });
        standIn.room.locked = true;
        standIn.add({ name: 'Jonas Petersen', waiting: true, kind: 'browser' });
        standIn.add({ name: '+49 30 1234567', waiting: true });
        await page.waitForSelector('#admit-all:not([hidden])');
        await page.waitForSelector('#connection', { state: 'hidden' });
        await inspect('room-moderator', locale, colorScheme);
        await page.click('#end');
        await inspect('confirm', locale, colorScheme);
        await page.click('#confirm-no');
        await finish();
      });
    }
  }
});

test('both languages hold the same texts, and every text that the markup names', async () => {
  const { de } = await import('../../gateway/web/text-de.js');
  const { en } = await import('../../gateway/web/text-en.js');
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  const slots = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(en)) assert.deepEqual(slots(de[key]), slots(en[key]), key);
  await visit({ locale: 'en' });
  const named = await page.$$eval('[data-t], [data-t-label]', (nodes) => nodes.flatMap(({ dataset }) => [dataset.t, dataset.tLabel]).filter(Boolean));
  assert.deepEqual(named.filter((key) => !(key in en)), []);
});

test('the checker finds a planted fault', async () => {
  await visit({ locale: 'en' });
  await page.evaluate(() => {
    document.getElementById('join-title').style.color = 'rgb(200 200 200)';
    document.querySelector('label[for=pin]').remove();
  });
  const findings = (await axeFindings(page)).join();
  assert.match(findings, /color-contrast/);
  assert.match(findings, /(^|,)label: /);
});

test('every colour pair keeps its contrast, also where the checker cannot look', async () => {
  const text = ['text/ground', 'text/surface', 'text/accent-soft', 'quiet/ground', 'quiet/surface', 'quiet/sunken', 'accent/ground', 'accent/surface', 'accent/accent-soft',
    'on-accent/accent', 'on-accent/accent-strong', 'danger/surface', 'danger/danger-soft', 'on-danger/danger', 'on-danger/danger-strong',
    'warning-text/warning-soft', 'good/good-soft'];
  const shapes = ['edge/surface', 'edge/ground', 'edge/sunken', 'focus/surface', 'focus/ground', 'focus/sunken', 'good/surface', 'on-accent/accent'];
  for (const colorScheme of ['light', 'dark']) {
    await visit({ locale: 'en', colorScheme });
    for (const [pairs, least] of [[text, 4.5], [shapes, 3]]) {
      for (const pair of pairs) {
        const [front, back] = await page.evaluate((names) => names.map((name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()), pair.split('/'));
        assert.ok(contrast(front, back) >= least, `${pair} ${colorScheme}: ${contrast(front, back).toFixed(2)} < ${least}`);
      }
    }
  }
});

test('nothing moves where motion is unwanted, and forced colours keep the marks', async () => {
  standIn.room.waiting_room = true;
  await visit({ locale: 'en', reducedMotion: 'reduce', forcedColors: 'active' });
  await fillIn({ pin: PIN, name: 'Anna' });
  await page.click('#join-button');
  await page.waitForSelector('[data-screen=waiting]:not([hidden])');
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  crowd();
  standIn.moderate('admit', standIn.named('Anna'));
  standIn.tell();
  await page.waitForSelector('.mark.hand');
  assert.notEqual(await page.$eval('.mark.hand', (node) => getComputedStyle(node).borderTopStyle), 'none');
  await picture('room-forced-colours');
});

test('the page fits 320 CSS pixels and 200 % text without scrolling sideways', async () => {
  for (const [name, viewport, textSize] of [['narrow', { width: 320, height: 640 }, 100], ['zoomed', { width: 640, height: 400 }, 100], ['big-text', { width: 1024, height: 768 }, 200], ['tablet', { width: 768, height: 1024 }, 100]]) {
    for (const locale of ['en', 'de']) {
      standIn.reset();
      crowd();
      await visit({ locale, viewport });
      // Only the test changes the root size this way; it stands for the browser's own text size setting.
      await page.evaluate((percent) => { document.documentElement.style.fontSize = `${percent}%`; }, textSize);
      await assertNoSidewaysScroll(`join ${name} ${locale}`);
      await joinAs({ pin: MODERATOR_PIN, name: 'Dr. Wilhelmina Freifrau von Ostfriesland-Emden' });
      await page.waitForSelector('#roster li');
      await page.waitForSelector('#connection', { state: 'hidden' });
      await picture(`room-${name}-${locale}`);
      await assertNoSidewaysScroll(`room ${name} ${locale}`);
      const small = await page.$$eval('button, input, select, a', (nodes) => nodes
        .map((node) => ({ label: node.id || node.textContent.trim(), box: node.getBoundingClientRect() }))
        .filter(({ label, box }) => box.width > 0 && (box.width < 24 || box.height < 24) && !/skip/i.test(label))
        .map(({ label, box }) => `${label} ${box.width}x${box.height}`));
      assert.deepEqual(small, [], 'targets of at least 24 px');
    }
  }
});

test('a keyboard alone joins, speaks, raises a hand, removes someone and leaves', async () => {
  standIn.add({ name: 'Bob' });
  await visit({ locale: 'en', query: `?meeting=${MEETING}` });
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to content');
  await tabTo('pin');
  await page.keyboard.type(MODERATOR_PIN);
  await tabTo('name');
  await page.keyboard.type('Alice');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-screen=room]:not([hidden])');
  assert.equal(await focusedId(), 'room-title');
  await until(() => standIn.named('Alice')?.muted === false);

  await page.keyboard.press('m');
  await until(() => standIn.named('Alice').muted);
  await page.keyboard.down(' ');
  await until(() => !standIn.named('Alice').muted);
  await page.keyboard.up(' ');
  await until(() => standIn.named('Alice').muted);
  await page.keyboard.press('h');
  await until(() => standIn.hands.length === 1);
  await spoken('#polite', 'Your hand is raised, number 1.');
  await page.keyboard.press('h');
  await until(() => standIn.hands.length === 0);

  await tabTo((node) => node.getAttribute('aria-label') === 'Mute Bob');
  await page.keyboard.press('Enter');
  await until(() => standIn.named('Bob').muted_by_moderator);
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Remove Bob', null, { timeout: 3_000 });
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm[open]');
  assert.equal(await focusedId(), 'confirm-no');
  await page.keyboard.press('Escape');
  assert.ok(standIn.named('Bob'), 'Escape removes nobody');
  assert.equal(await focused(), 'Remove Bob');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until(() => !standIn.named('Bob'));
  await page.waitForFunction(() => document.activeElement.id === 'people-title');
  await spoken('#polite', 'Bob left.');

  await tabTo('mute');
  await page.keyboard.press(' ');
  await until(() => !standIn.named('Alice').muted);
  await tabTo('keys');
  await page.keyboard.press(' ');
  await page.keyboard.press('m');
  await page.waitForTimeout(200);
  assert.equal(standIn.named('Alice').muted, false, 'switched off keys do nothing');
  await tabTo((node) => node.dataset.action === 'leave' && node.className.includes('control'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-screen=ended]:not([hidden])');
  assert.equal(await focusedId(), 'ended-title');
  assert.ok(standIn.log.some(({ method, path: where }) => method === 'DELETE' && where.startsWith(`/whip/${MEETING}/`)));
  await finish();
});

test('every focused element is visible and not covered by the controls', async () => {
  crowd(14);
  await visit({ locale: 'de', viewport: { width: 390, height: 760 } });
  await joinAs({ pin: MODERATOR_PIN, name: 'Mira' });
  await page.waitForFunction(() => document.querySelectorAll('#roster li').length === 18);
  const seen = new Set();
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const node = document.activeElement;
      const box = node.getBoundingClientRect();
      const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      return { label: node.getAttribute('aria-label') ?? node.textContent.trim(), body: node === document.body, shown: Boolean(top && (node.contains(top) || top.closest('label')?.contains(node))), ring: getComputedStyle(node).outlineStyle !== 'none' };
    });
    if (at.body) break;
    seen.add(at.label);
    assert.ok(at.shown, `${at.label} is covered`);
    assert.ok(at.ring, `${at.label} shows no focus`);
  }
  assert.ok(seen.size > 30);
});

test('sound goes both ways and comes back after the connection breaks', async () => {
  await visit({ locale: 'en', query: '?test=1&raw=1' });
  await joinAs({ name: 'Alice' });
  const heard = () => page.evaluate(() => window.landbridgeTest.heardPeakHz(3));
  await until(async () => Math.abs((await heard())[0]?.hz - ROOM_HZ) < 5);
  await until(async () => Math.abs(await farSide.hears() - MICROPHONE_HZ) < 10);
  const stats = await page.evaluate(() => window.landbridgeTest.stats());
  assert.ok(stats.some((entry) => entry.type === 'inbound-rtp' && entry.packetsReceived > 0));
  assert.ok(await page.locator('#connection').isHidden());

  await page.click('#mute');
  await until(async () => await farSide.hears() === null);
  await page.click('#mute');
  await until(async () => Math.abs(await farSide.hears() - MICROPHONE_HZ) < 10);

  const offers = () => standIn.log.filter(({ method, path: where }) => method === 'POST' && where === `/whip/${MEETING}`).length;
  assert.equal(offers(), 1);
  standIn.send(standIn.named('Alice').id, 'notice', { notice: 'media_failed' });
  await until(async () => offers() === 2 && await page.locator('#connection').isHidden());
  await until(async () => Math.abs((await heard())[0]?.hz - ROOM_HZ) < 5);
  await farSide.hangUp();
  await page.waitForSelector('#connection:not([hidden])', { timeout: 20_000 });
  await until(async () => offers() >= 3 && await page.locator('#connection').isHidden(), 20_000);
  await until(async () => Math.abs((await heard())[0]?.hz - ROOM_HZ) < 5);
});

test('the roster follows the room and tells what changed', async () => {
  await visit({ locale: 'en' });
  await joinAs({ name: 'Alice' });
  await spoken('#polite', 'You are in the meeting Demo.');
  assert.equal(await page.textContent('#counts'), '1 person');
  assert.ok(await page.locator('#moderation').isHidden());
  const bob = standIn.add({ name: 'Bob', kind: 'phone' });
  standIn.add({ name: '<img src=x onerror=alert(1)>', kind: 'browser' });
  await spoken('#polite', 'Bob and <img src=x onerror=alert(1)> joined.');
  assert.equal(await page.textContent('#counts'), '3 people, 1 on the phone');
  standIn.change(bob.id, { speaking: true, muted: false });
  await page.waitForSelector('.person.speaking');
  assert.match(await page.textContent(`[data-id=${bob.id}]`), /Bob, On the phone, Speaking/);
  assert.equal(await page.locator('#roster button').count(), 0, 'a participant sees no moderator buttons');

  await page.click('#hand');
  await page.waitForSelector('.mark.hand');
  standIn.moderate('hand', standIn.named('Alice'));
  standIn.tell();
  await spoken('#assertive', 'A moderator lowered your hand.');
  standIn.moderate('mute', standIn.named('Alice'));
  standIn.tell();
  await spoken('#assertive', 'A moderator muted you.');
  assert.match(await page.textContent('#me'), /Microphone off/);
  await page.click('[data-language=de]');
  assert.match(await page.textContent('#me'), /Mikrofon aus/);
  assert.equal(await page.getAttribute('html', 'lang'), 'de');
  assert.match(await page.textContent('#counts'), /3 Personen, 1 am Telefon/);
  await page.click('#mute');
  await until(() => !standIn.named('Alice').muted);
  await page.waitForTimeout(1_500);
  assert.equal(standIn.named('Alice').muted, false, 'an old snapshot does not mute again');
  assert.match(await page.textContent('#me'), /Mikrofon an/);
  standIn.change(standIn.named('Alice').id, { muted: true, muted_by_moderator: true });
  await spoken('#assertive', 'Die Moderation hat Sie stummgeschaltet.');
  standIn.change(standIn.named('Alice').id, { muted: false, muted_by_moderator: false });
  await until(() => standIn.named('Alice').muted);
  assert.match(await page.textContent('#me'), /Mikrofon aus/, 'nobody else opens a microphone');
  await finish();
});

test('events that break come back, and refused events end the stay', async () => {
  await visit({ locale: 'en' });
  await joinAs({ name: 'Alice' });
  await page.waitForSelector('#roster li');
  standIn.cutEvents();
  await spoken('#assertive', 'The list of people is out of date');
  await until(() => standIn.streams.size === 1);
  standIn.add({ name: 'Bob' });
  await spoken('#polite', 'The connection is back.');
  await page.waitForFunction(() => document.querySelectorAll('#roster li').length === 2);
  standIn.refuseEvents = true;
  standIn.cutEvents();
  await page.waitForSelector('[data-screen=ended]:not([hidden])', { timeout: 30_000 });
  assert.equal(await page.textContent('#ended-title'), 'The connection was lost');
});

test('the waiting room holds people until a moderator admits them', async () => {
  standIn.room.waiting_room = true;
  await visit({ locale: 'de' });
  await fillIn({ pin: PIN, name: 'Anna' });
  await page.click('#join-button');
  await page.waitForSelector('[data-screen=waiting]:not([hidden])');
  assert.equal(await focusedId(), 'waiting-title');
  standIn.moderate('admit', standIn.named('Anna'));
  standIn.tell();
  await page.waitForSelector('[data-screen=room]:not([hidden])');
  assert.equal(await focusedId(), 'room-title');

  for (const [cause, title] of [['removed', 'Die Moderation hat Sie entfernt'], ['room_ended', 'Die Besprechung ist beendet'], ['unheard_of', 'Die Besprechung ist für Sie beendet']]) {
    if (await page.locator('[data-screen=ended]').isVisible()) {
      await page.click('#again');
      standIn.room.waiting_room = false;
      await joinAs({ name: 'Anna' });
    }
    await until(() => standIn.streams.size === 1);
    standIn.drop(standIn.named('Anna').id, cause);
    await page.waitForSelector('[data-screen=ended]:not([hidden])');
    assert.equal(await page.textContent('#ended-title'), title);
  }
});

test('a moderator admits, locks, switches the waiting room and ends for all', async () => {
  const waiting = standIn.add({ name: 'Jonas', waiting: true });
  await visit({ locale: 'en' });
  await joinAs({ pin: MODERATOR_PIN, name: 'Mira' });
  await page.getByRole('button', { name: 'Admit Jonas' }).click();
  await until(() => !waiting.waiting);
  for (const name of ['Kai', 'Lena']) standIn.add({ name, waiting: true });
  await page.getByRole('button', { name: 'Admit all' }).click();
  await until(() => standIn.people.every((person) => !person.waiting));
  await page.waitForFunction(() => document.activeElement.id === 'people-title');
  await page.getByRole('switch', { name: 'Lock the meeting' }).click();
  await until(() => standIn.room.locked);
  await page.waitForFunction(() => document.getElementById('lock').getAttribute('aria-checked') === 'true');
  await page.getByRole('switch', { name: 'Use the waiting room' }).click();
  await until(() => standIn.room.waiting_room);
  await page.click('#end');
  await page.click('#confirm-yes');
  await page.waitForSelector('[data-screen=ended]:not([hidden])');
  assert.equal(await page.textContent('#ended-title'), 'The meeting is over');
  await finish();
});

test('errors of the API are said in the language of the page', async () => {
  await visit({ locale: 'de' });
  for (const [failure, words] of [
    [[403, 'wrong_credentials'], /Konferenz-ID oder PIN ist falsch/], [[423, 'locked'], /gesperrt/], [[503, 'full'], /voll/],
    [[503, 'draining'], /neu gestartet/], [[429, 'too_many_tries', { 'Retry-After': '30' }], /30 Sekunden/], [[418, 'teapot'], /teapot/],
  ]) {
    standIn.failJoin = failure;
    await fillIn({ pin: PIN });
    await page.click('#join-button');
    await page.waitForFunction((pattern) => new RegExp(pattern).test(document.getElementById('join-error').textContent), words.source, { timeout: 5_000 });
    assert.equal(await focusedId(), 'join-error');
  }
});

test('the PIN never stays in the address and the name is remembered', async () => {
  await visit({ locale: 'en', query: `?meeting=123%20456%207890&pin=${PIN}` });
  assert.ok(!page.url().includes(PIN));
  assert.equal(await page.inputValue('#meeting'), MEETING);
  assert.equal(await page.inputValue('#pin'), '');
  await joinAs({ name: 'Alice' });
  await page.reload();
  assert.equal(await page.inputValue('#name'), 'Alice');
  await until(() => !standIn.named('Alice'));
  assert.ok(standIn.log.some(({ path: where }) => where === '/api/me/leave'), 'a closed page leaves');
});

test('a microphone that is missing, denied or insecure is explained, and listening is possible', async () => {
  const cases = [
    ['no_device', { permission: true, device: false }, /No microphone was found/],
    ['denied', { permission: false }, /does not let this page use the microphone/],
    ['insecure', {}, /https:\/\//],
  ];
  for (const [kind, options, words] of cases) {
    standIn.reset();
    const other = await launch({ scratch, ...options });
    try {
      await visit({ locale: 'en', from: other, prepare: kind === 'insecure' ? () => Object.defineProperty(window, 'isSecureContext', { value: false }) : null });
      await fillIn({ pin: PIN, name: 'Ears' });
      await page.click('#join-button');
      await page.waitForSelector('#microphone-error:not([hidden])');
      assert.match(await page.textContent('#microphone-error'), words, kind);
      assert.deepEqual(await axeFindings(page), []);
      await picture(`microphone-${kind}`);
      await page.click('#listen-button');
      await page.waitForSelector('[data-screen=room]:not([hidden])');
      await until(() => standIn.named('Ears')?.muted);
      assert.match(await page.textContent('#me'), /Listening only/);
      await finish();
    } finally {
      await page.context().close();
      await other.close();
    }
  }
});

test('people read and write by keyboard alone, and the log tells new lines to screen readers', async () => {
  await visit({ locale: 'en' });
  await joinAs({ name: 'Alice' });
  await until(() => standIn.streams.size === 1);
  const log = page.getByRole('log', { name: 'Chat' });
  assert.equal(await log.getAttribute('aria-live'), 'polite');
  standIn.write(null, '', '<b>hello</b>\nsecond line');
  await page.waitForFunction(() => /Unnamed/.test(document.getElementById('chat-log').textContent));
  assert.equal(await page.locator('#chat-log b').count(), 0, 'a text is never markup');
  assert.ok(await page.locator('#chat-empty').isHidden());
  await page.keyboard.press('c');
  assert.equal(await focusedId(), 'chat-text');
  await page.keyboard.type('my hand is not raised');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two');
  await page.keyboard.press('Enter');
  await until(() => standIn.lines.length === 2);
  assert.equal(standIn.lines[1].text, 'my hand is not raised\ntwo');
  assert.equal(standIn.hands.length, 0, 'typing is no shortcut');
  await page.waitForFunction(() => document.getElementById('chat-text').value === '');
  assert.match(await page.textContent('#chat-log'), /Alice \(you\)/);
  await page.click('[data-language=de]');
  assert.match(await page.textContent('#chat-log'), /Alice \(Sie\)/);

  standIn.cutEvents();
  await until(() => standIn.streams.size === 1);
  await page.waitForTimeout(300);
  assert.equal(await page.locator('#chat-log .line').count(), 2, 'a line that comes again is shown once');
  for (let n = 0; n < 120; n += 1) standIn.write(null, 'Bob', `line ${n}`);
  await page.waitForFunction(() => document.getElementById('chat-log').textContent.includes('line 119'));
  assert.equal(await page.locator('#chat-log .line').count(), 100);
  const atEnd = () => page.$eval('#chat-log', (node) => node.scrollHeight - node.scrollTop - node.clientHeight < 40);
  assert.ok(await atEnd());
  await page.focus('#chat-log');
  await page.keyboard.press('Home');
  await page.waitForFunction(() => document.getElementById('chat-log').scrollTop === 0);
  standIn.write(null, 'Bob', 'the last');
  await page.waitForFunction(() => document.getElementById('chat-log').textContent.includes('the last'));
  assert.ok(!await atEnd(), 'whoever reads further up stays there');
  await page.waitForFunction(() => document.title.startsWith('(1) ') && /1 neu/.test(document.getElementById('chat-unread').textContent));
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.getElementById('chat-unread').hidden && !document.title.startsWith('('));

  standIn.failChat = [429, 'too_fast', { 'Retry-After': '2' }];
  await page.fill('#chat-text', 'so viel');
  await page.click('#chat-send');
  await spoken('#assertive', 'So viele Nachrichten');
  assert.equal(await page.inputValue('#chat-text'), 'so viel', 'what was not shown is not lost');
  assert.equal(await page.getAttribute('#chat-text', 'aria-invalid'), 'true');
  await page.click('[data-language=en]');
  assert.match(await page.textContent('#chat-error'), /not shown/);
  await finish();
});

test('a moderator calls somebody into the meeting and hears what becomes of it', async () => {
  standIn.mayInvite = true;
  await visit({ locale: 'en' });
  await joinAs({ pin: MODERATOR_PIN, name: 'Mira' });
  await until(() => standIn.streams.size === 1);
  await page.getByLabel('Call somebody by XMPP').fill('nobody');
  await page.keyboard.press('Enter');
  await spoken('#assertive', 'an address like name@example.org');
  assert.deepEqual(standIn.invited, []);
  await page.fill('#invite-address', 'x@evil.example');
  await page.keyboard.press('Enter');
  await spoken('#assertive', 'may not be called');
  await page.fill('#invite-address', ' xmpp:bob@a.example ');
  await page.keyboard.press('Enter');
  await until(() => standIn.invited[0] === 'bob@a.example');
  await spoken('#polite', 'Calling bob@a.example');
  for (const [state, words] of [['ringing', 'it rings'], ['no_answer', 'does not answer'], ['unheard_of', 'failed']]) {
    standIn.send(standIn.named('Mira').id, 'notice', { notice: 'invitation', invitation: 1, state });
    await spoken('#polite', words);
  }
  assert.equal(await page.locator('#invitations li').count(), 1);
  await finish();
});

async function visit({ locale, colorScheme = 'light', reducedMotion = 'no-preference', forcedColors = 'none', viewport = { width: 1280, height: 800 }, query = '', from = browser, prepare = null }) {
  await page?.context().close();
  const context = await from.newContext({ locale, colorScheme, reducedMotion, forcedColors, viewport });
  page = await context.newPage();
  if (prepare) await page.addInitScript(prepare);
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => { if (/Content Security|Trusted/i.test(message.text())) complaints.push(message.text()); });
  await page.goto(`${standIn.origin}/${query}`);
  await page.waitForSelector('[data-screen=join]:not([hidden])');
}

async function fillIn({ meeting = MEETING, pin, name = 'Alice' }) {
  await page.fill('#meeting', meeting);
  await page.fill('#pin', pin);
  await page.fill('#name', name);
}

async function joinAs({ pin = PIN, name }) {
  await fillIn({ pin, name });
  await page.click('#join-button');
  await page.waitForSelector('[data-screen=room]:not([hidden])');
}

function crowd(more = 0) {
  standIn.add({ name: 'Hauke Jensen', kind: 'phone', speaking: true });
  standIn.add({ name: '+49 431 988 0', kind: 'phone', muted: true, hand: true });
  standIn.add({ name: 'Ayşe Yılmaz', kind: 'browser', muted: true, muted_by_moderator: true, hand: true });
  for (let n = 0; n < more; n += 1) standIn.add({ name: `Person ${n}`, kind: n % 3 ? 'browser' : 'phone', muted: n % 2 === 0 });
}

async function inspect(screen, locale, colorScheme) {
  await picture(`${screen}-${locale}-${colorScheme}`);
  assert.deepEqual(await axeFindings(page), [], `${screen} ${locale} ${colorScheme}`);
  assert.equal(await page.getAttribute('html', 'lang'), locale);
}

async function picture(name) {
  if (!pictures) return;
  await page.screenshot({ path: path.join(pictures, `${name}.png`) });
  await page.screenshot({ path: path.join(pictures, `${name}-whole.png`), fullPage: true });
}

async function assertNoSidewaysScroll(where) {
  const [inner, scroll] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(scroll <= inner, `${where}: ${scroll} px wide in ${inner} px`);
}

async function finish() { assert.deepEqual(complaints, [], 'no script error and no CSP violation'); }

async function tabTo(target) {
  const source = typeof target === 'string' ? `(node) => node.id === ${JSON.stringify(target)}` : String(target);
  for (const key of ['Tab', 'Shift+Tab']) {
    for (let step = 0; step < 60; step += 1) {
      if (await page.evaluate(`(${source})(document.activeElement)`)) return;
      await page.keyboard.press(key);
    }
  }
  assert.fail(`the keyboard does not reach ${source}`);
}

const focusedId = () => page.evaluate(() => document.activeElement.id);
const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
const spoken = (region, words) => page.waitForFunction(([selector, text]) => document.querySelector(selector).textContent.includes(text), [region, words], { timeout: 8_000 });

function contrast(front, back) {
  const luminance = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

async function until(holds, limit = 10_000) {
  const end = Date.now() + limit;
  while (!await holds()) {
    assert.ok(Date.now() < end, `not reached in ${limit} ms: ${holds}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

jointTests({ visit, joinAs, spoken, tabTo, finish, at: () => ({ standIn, page }) });
