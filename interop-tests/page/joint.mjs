// SPDX-License-Identifier: EUPL-1.2
// Tells how the page shows and steers joint sessions; page.test.mjs runs these tests with its own browser and stand-in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODERATOR_PIN } from './stand-in.mjs';

/** Registers the tests; `at` returns stand-in and page of the moment. */
export function jointTests({ visit, joinAs, spoken, tabTo, finish, at }) {
  test('a moderator shares the meeting with another authority, and everybody learns of it', async () => {
    const { standIn } = at();
    standIn.authorities = authorities();
    await visit({ locale: 'de' });
    const { page } = at();
    await joinAs({ pin: MODERATOR_PIN, name: 'Mira' });
    await page.waitForSelector('#joint:not([hidden])');
    assert.ok(await page.locator('#joint-end').isHidden());
    await tabTo((node) => node.getAttribute('aria-label') === 'Einladen: Schleswig-Holstein');
    await page.keyboard.press('Enter');
    await spoken('#polite', 'Schleswig-Holstein wird eingeladen.');
    await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Trennen: Schleswig-Holstein');
    standIn.joint('sh.example', 'up');
    await spoken('#polite', 'Verbunden mit Schleswig-Holstein.');
    assert.match(await page.textContent('#room-marks'), /Verbunden mit Schleswig-Holstein/);
    assert.equal(await page.textContent('#end span'), 'Nur hier beenden');
    const far = standIn.add({ name: 'Hauke', kind: 'federated', origin: 'Schleswig-Holstein' });
    await spoken('#polite', 'Hauke');
    assert.match(await page.textContent(`[data-id=${far.id}]`), /Hauke, Schleswig-Holstein/);
    for (let n = 0; n < 12; n += 1) standIn.people.push({ ...far, id: `leg-far-${n}`, name: `Far ${n}` });
    standIn.tell();
    await spoken('#polite', '12 Personen aus Schleswig-Holstein sind dazugekommen.');

    standIn.change(far.id, { away: true });
    standIn.joint('sh.example', 'away');
    await spoken('#assertive', 'Schleswig-Holstein ist nicht erreichbar. Die Besprechung geht hier weiter.');
    assert.match(await page.textContent(`[data-id=${far.id}]`), /Nicht erreichbar/);
    assert.match(await page.textContent('#toast-text'), /nicht erreichbar/);
    standIn.joint('sh.example', 'up');
    await spoken('#polite', 'Schleswig-Holstein ist wieder da.');
    assert.ok(await page.locator('#toast').isHidden());

    await page.click('[data-partner="sh.example"] button');
    assert.match(await page.textContent('#confirm-title'), /Von Schleswig-Holstein trennen/);
    await page.click('#confirm-yes');
    await spoken('#polite', 'Schleswig-Holstein hat die Sitzung verlassen.');
    await page.click('[data-partner="closed.example"] button');
    await spoken('#assertive', 'Diese Behörde darf von hier nicht eingeladen werden.');
    standIn.joint('bund.example', 'up');
    await page.click('#joint-end');
    await page.click('#confirm-yes');
    await page.waitForSelector('[data-screen=ended]:not([hidden])');
    await finish();
  });

  test('a participant sees with whom the meeting is shared and no buttons for it', async () => {
    const { standIn } = at();
    standIn.authorities = authorities();
    await visit({ locale: 'en' });
    const { page } = at();
    await joinAs({ name: 'Alice' });
    standIn.joint('sh.example', 'up');
    await spoken('#polite', 'Connected with Schleswig-Holstein.');
    await page.waitForSelector('#room-marks li');
    assert.match(await page.textContent('#room-marks'), /Connected with Schleswig-Holstein/);
    assert.ok(await page.locator('#joint').isHidden());
    await finish();
  });
}

/** Lists whom the stand-in may share its meeting with. */
export function authorities() {
  return [
    { partner: 'sh.example', authority: 'Schleswig-Holstein', usual: true },
    { partner: 'bund.example', authority: 'Bund', usual: false },
    { partner: 'closed.example', authority: 'Niedersachsen', usual: false },
  ];
}
