// SPDX-License-Identifier: MIT
// What somebody sees who has the page open.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launchBrowser, openPage, picture } from './support/browser.mjs';
import { risky, World } from './support/hub.mjs';
import { until } from './support/waiting.mjs';

const limit = { timeout: 180_000 };

let browser;
let world;
before(async () => (browser = await launchBrowser()), limit);
after(() => browser?.close());
beforeEach(async () => (world = await World.start()), limit);
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await world.stop();
}, limit);

const alertsOf = (page) => page.locator('.alert');
const tile = (page, camera, status) => page.locator(`[data-camera="${camera}"][data-status="${status}"]`);

async function countIs(locator, count) {
  await until(`${count} of ${locator}`, async () => (await locator.count()) === count);
}

test('an_alert_appears_after_its_event_was_posted', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await page.getByText('No alerts yet').waitFor();
  await hub.post(risky('porch'));
  const alert = alertsOf(page).first();
  await alert.waitFor();
  const text = await alert.innerText();
  assert.match(text, /porch/);
  assert.match(text, /(High|Critical) \d+/, 'the severity is a word and a number');
  assert.match(text, /02:00:00/);
  await tile(page, 'porch', 'online').waitFor();
  assert.match(await page.locator('[data-figure=cameras]').innerText(), /1 of 1/);
});

test('alerts_that_were_there_before_the_page_are_shown_newest_first', limit, async () => {
  const hub = await world.hub();
  for (const camera of ['first', 'second', 'third']) {
    const before = (await hub.alerts()).length;
    await hub.post(risky(camera));
    await until(`the alert of ${camera}`, async () => (await hub.alerts()).length > before);
  }
  const page = await openPage(browser, hub);
  await countIs(alertsOf(page), 3);
  const texts = await alertsOf(page).allInnerTexts();
  assert.deepEqual(
    texts.map((text) => /third|second|first/.exec(text)[0]),
    ['third', 'second', 'first'],
  );
});

test('a_camera_that_falls_silent_turns_offline_on_the_page', limit, async () => {
  const hub = await world.hub({ cameraTtl: 2 });
  const page = await openPage(browser, hub);
  await hub.putCamera('garden', { name: 'Garden gate', battery: 71 });
  await tile(page, 'garden', 'online').waitFor();
  assert.match(await tile(page, 'garden', 'online').innerText(), /Online[\s\S]*Garden gate[\s\S]*battery 71/);
  await tile(page, 'garden', 'offline').waitFor();
  await tile(page, 'garden', 'offline').getByText('Offline').waitFor(); // in words, not by colour alone
  await tile(page, 'garden', 'offline')
    .getByText(/^\s*[2-9] s ago/)
    .waitFor();
  await hub.putCamera('garden', { name: 'Garden gate' });
  await tile(page, 'garden', 'online').waitFor();
});

test('what_a_camera_saw_is_shown_although_it_was_no_alert', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.post({ camera_id: 'lane', timestamp: '2024-01-01T12:00:00', objects: ['dog'] });
  await tile(page, 'lane', 'online').getByText('dog').waitFor();
  await hub.post({ camera_id: 'lane', timestamp: '2024-01-01T12:00:01', objects: ['cat'] });
  await tile(page, 'lane', 'online').getByText('cat').waitFor();
  assert.equal(await alertsOf(page).count(), 0);
});

test('the_time_since_a_camera_was_seen_goes_on', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.putCamera('hall', {});
  const seen = tile(page, 'hall', 'online').locator('time');
  await until('two seconds', async () => /^[2-9] s ago/.test((await seen.innerText()).trim()));
  await until('two more', async () => /^([4-9]|\d\d) s ago/.test((await seen.innerText()).trim()));
});

test('figures_and_charts_follow_the_hub', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  const redis = page.locator('[data-figure=redis]');
  await redis.getByText('Healthy').waitFor();
  assert.match(await redis.innerText(), /Redis \d+\.\d+[\s\S]*\d (µs|ms)/);
  const rate = page.locator('[data-figure=rate] .figure-value');
  await until('a rate', async () => {
    await hub.post(risky('porch'));
    return parseFloat(await rate.innerText()) > 0;
  });
  assert.match(await page.locator('[data-chart=rates] .legend').innerText(), /posted [\d.]+[\s\S]*processed [\d.]+/);
  for (const chart of ['rates', 'queue']) {
    const box = await page.locator(`[data-chart=${chart}] canvas`).boundingBox();
    assert.ok(box.width > 200 && box.height > 100, `${chart} is drawn: ${JSON.stringify(box)}`);
  }
});

test('names_that_look_like_markup_are_shown_as_text', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  const evil = '<img src=/nowhere onerror="document.title=`owned`">';
  await hub.putCamera('porch', { name: evil, [evil]: evil });
  await hub.post(risky('porch', { objects: [evil, 'person'], zones: ['entrance', evil] }));
  await alertsOf(page).first().waitFor();
  await tile(page, 'porch', 'online').getByText(evil).first().waitFor();
  await until('the objects in the tile', async () =>
    (await tile(page, 'porch', 'online').innerText()).includes(`${evil}, person`),
  );
  assert.equal(await page.locator('#app img').count(), 1, 'only the brand is an image');
  assert.equal(await page.title(), 'Redstart hub');
  assert.deepEqual(page.complaints, []);
});

test('nothing_is_loaded_from_elsewhere_and_the_policy_holds', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  const policy = (await page.request.get(hub.url)).headers()['content-security-policy'];
  assert.match(policy ?? '', /script-src 'self' 'sha256-/);
  await hub.post(risky('porch'));
  await alertsOf(page).first().waitFor();
  assert.deepEqual(page.foreign, []);
  assert.deepEqual(page.complaints, []);
});

test('the_page_is_used_by_keyboard', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await hub.post(risky('porch'));
  await alertsOf(page).first().waitFor();
  const focused = () =>
    page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return {
        text: document.activeElement.innerText,
        visible: style.outlineStyle !== 'none',
        id: document.activeElement.id,
      };
    });

  await page.keyboard.press('Tab');
  assert.equal((await focused()).text, 'Skip to the alerts');
  assert.ok((await page.locator('.skip-link').boundingBox()).y >= 0, 'the skip link is in view once it has the focus');
  await page.keyboard.press('Enter');
  assert.equal((await focused()).id, 'alerts');

  const shown = await alertsOf(page).first().locator('.alert-severity').innerText();
  const name = shown.split(' ')[0];
  await until(`the switch of ${name}`, async () => {
    await page.keyboard.press('Tab');
    return (await focused()).text.startsWith(name);
  });
  assert.ok((await focused()).visible, 'the focus is visible');
  await page.keyboard.press('Space');
  await countIs(alertsOf(page), 0);
  assert.equal(await page.locator('.switch', { hasText: name }).getAttribute('aria-pressed'), 'false');
  await page.keyboard.press('Space');
  await countIs(alertsOf(page), 1);
});

test('the_feed_is_a_polite_log', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  const log = page.getByRole('log', { name: 'Alerts' });
  await log.waitFor();
  assert.equal(await log.getAttribute('aria-live'), 'polite');
  await until('the end of loading', async () => (await log.getAttribute('aria-busy')) === 'false');
});

test('the_command_of_an_empty_page_raises_an_alert', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const feed = page.locator('.feed');
  await feed.getByRole('button', { name: 'Copy' }).click();
  await feed.getByText('Copied').waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(command.includes(`${hub.url}/events`));
  await hub.post(JSON.parse(/-d '(.*)'$/.exec(command)[1]));
  await alertsOf(page).first().waitFor();
});

test('the_title_counts_alerts_while_nobody_looks', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  const look = (hidden) =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => now });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await look(true);
  await hub.post(risky('porch'));
  await hub.post(risky('hall'));
  await until('two in the title', async () => (await page.title()) === '(2) Redstart hub');
  await look(false);
  await until('none in the title', async () => (await page.title()) === 'Redstart hub');
});

test('two_hundred_alerts_are_kept_and_no_more', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub);
  for (let round = 0; round < 3; round += 1) {
    await hub.post(Array.from({ length: 90 }, (_, index) => risky(`c${round}-${index}`)));
  }
  await until(
    'all alerts',
    async () => (await page.locator('[data-figure=alerts] .figure-value').innerText()) === '270',
  );
  await countIs(alertsOf(page), 200);
  await page.getByText('the feed holds 200').waitFor();
});

for (const [name, options] of Object.entries({
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  'small-phone': { viewport: { width: 320, height: 568 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
})) {
  test(`the_page_fits_and_is_readable_${name}`, limit, async () => {
    const hub = await world.hub();
    await hub.putCamera('cellar', { name: 'Cellar', online: false });
    await hub.putCamera('a-camera-with-a-name-that-is-as-long-as-names-may-be-0123456', { fps: 25 });
    const page = await openPage(browser, hub, options);
    for (const camera of ['porch', 'driveway', 'garden', 'hall', 'garage', 'attic', 'gate', 'lane'])
      await hub.post(risky(camera));
    await until('the alerts', async () => (await alertsOf(page).count()) >= 6);
    await until('a few figures', async () =>
      (await page.locator('[data-figure=rate]').innerText()).match(/\d\/s processed/),
    );
    await tile(page, 'cellar', 'offline').waitFor();
    await picture(page, name);
    // A phone zooms out when the content is too wide: innerWidth would grow with it.
    const content = await page.evaluate(() => document.documentElement.scrollWidth);
    const { width } = page.viewportSize();
    assert.ok(content <= width, `${content} px of content in ${width} px`);
    const ratios = await page.evaluate(contrasts);
    for (const { text, ratio } of ratios) assert.ok(ratio >= 4.5, `contrast of "${text}" is ${ratio.toFixed(2)}`);
    assert.ok(ratios.length > 30);
    const shades = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.equal(Math.max(...shades) < 60, options.colorScheme === 'dark', `the ground is ${shades}`);
  });
}

test('a_phone_shows_the_newest_alerts_and_the_rest_on_request', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub, { viewport: { width: 390, height: 844 } });
  await hub.post(Array.from({ length: 9 }, (_, index) => risky(`c${index}`)));
  await page.getByRole('button', { name: 'Show 3 more' }).click();
  await countIs(alertsOf(page), 9);
});

test('somebody_who_wants_no_motion_gets_none', limit, async () => {
  const hub = await world.hub();
  const page = await openPage(browser, hub, { reducedMotion: 'reduce' });
  await hub.post(risky('porch'));
  await alertsOf(page).first().waitFor();
  const moving = () => document.getAnimations().length;
  assert.equal(await page.evaluate(moving), 0);
});

/** Runs in the page: the contrast of each visible text with the nearest ground that has a colour. */
function contrasts() {
  const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) =>
    [r, g, b]
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const groundOf = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || node.closest('.skip-link') || node.getAnimations({ subtree: false }).length) continue;
    const [one, other] = [light(parse(getComputedStyle(node).color)), light(groundOf(node))];
    found.push({ text, ratio: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) });
  }
  return found;
}
