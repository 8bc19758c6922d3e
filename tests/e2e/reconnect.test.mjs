// SPDX-License-Identifier: MIT
// What is missed while the page is cut off is there afterwards, and the user is told.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { isLive, launchBrowser, openPage, picture } from './support/browser.mjs';
import { risky, World } from './support/hub.mjs';
import { until } from './support/waiting.mjs';

const limit = { timeout: 180_000 };

let browser;
let world;
before(async () => (browser = await launchBrowser()), limit);
after(() => browser?.close());
beforeEach(async () => (world = await World.start({ shared: true })), limit);
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await world.stop();
}, limit);

const ofCamera = (page, camera) => page.locator('.alert', { hasText: `camera ${camera}` });
const banner = (page) => page.locator('.banner--shown');

test('a_page_comes_back_to_a_restarted_hub_and_shows_what_it_missed', limit, async () => {
  const other = await world.hub(); // shares the queue and goes on working
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await other.post(risky('before'));
  await ofCamera(page, 'before').waitFor();

  await hub.stop();
  await banner(page).waitFor();
  assert.match(await banner(page).innerText(), /What you see is from \d\d:\d\d:\d\d/);
  await page.locator('[data-phase=waiting]').waitFor();
  await page.getByText(/Next try (in \d+ s|now)\./).waitFor();
  await picture(page, 'not-connected');

  await other.post(risky('meanwhile'));
  await until('the alert in the list', async () => (await other.alerts()).length === 2);
  assert.equal(await ofCamera(page, 'meanwhile').count(), 0);

  await world.hub({ port: hub.port });
  await isLive(page);
  await ofCamera(page, 'meanwhile').getByText('caught up').waitFor();
  await page.locator('[data-kind=reconnect]').getByText('1 alert was missed').waitFor();
  assert.equal(await banner(page).count(), 0);
  assert.equal(await page.locator('.alert').count(), 2, 'no alert is shown twice');
  await picture(page, 'caught-up');

  await other.post(risky('after'));
  await ofCamera(page, 'after').waitFor();
  const texts = await page.locator('.alert').allInnerTexts();
  assert.deepEqual(
    texts.map((text) => /camera (\w+)/.exec(text)[1]),
    ['after', 'meanwhile', 'before'],
  );

  await page.getByRole('button', { name: 'Dismiss this notice' }).click();
  await until('no notice', async () => (await page.locator('.notice').count()) === 0);
});

test('the_button_reconnects_without_waiting', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.stop();
  // After a few tries the waits are long enough for the button to be what made it.
  await until(
    'a long wait',
    async () => {
      const text = await page.locator('.countdown').innerText({ timeout: 5000 });
      return Number(/in (\d+) s/.exec(text)?.[1]) >= 5;
    },
    60_000,
  );
  await world.hub({ port: hub.port });
  const asked = Date.now();
  await page.getByRole('button', { name: 'Reconnect now' }).click();
  await isLive(page);
  assert.ok(Date.now() - asked < 3000, `it took ${Date.now() - asked} ms`);
});

test('a_page_that_missed_nothing_says_so', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.stop();
  await banner(page).waitFor();
  await world.hub({ port: hub.port });
  await isLive(page);
  await page.getByText('nothing was missed').waitFor();
});

test('the_page_tells_that_redis_is_away_and_loads_the_lists_when_it_is_back', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.post(risky('before'));
  await ofCamera(page, 'before').waitFor();
  await world.stopRedis();
  await page.locator('[data-figure=redis]').getByText('Unreachable').waitFor();
  await picture(page, 'redis-away');
  assert.equal(await page.locator('[data-phase=live]').count(), 1, 'the page itself is connected all the time');
  await world.startRedis();
  await page.locator('[data-kind=gap]').getByText('The hub was without Redis').waitFor();
  await page.locator('[data-figure=redis]').getByText('Healthy').waitFor();
  await until('an event that is taken', () => hub.post(risky('after')).catch(() => false));
  await ofCamera(page, 'after').first().waitFor();
  assert.equal(await ofCamera(page, 'before').count(), 1);
});
