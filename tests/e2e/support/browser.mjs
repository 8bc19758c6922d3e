// SPDX-License-Identifier: MIT
// One browser for a file of tests, a fresh profile for each page.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const pictures = fileURLToPath(new URL('../../../build/e2e/', import.meta.url));

export const launchBrowser = () =>
  chromium.launch({
    executablePath: process.env.REDSTART_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });

/**
 * A page of the hub, live. `page.complaints` gathers what the browser objects to, `page.foreign` requests elsewhere.
 */
export async function openPage(browser, hub, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.complaints = [];
  page.foreign = [];
  page.on('pageerror', (problem) => page.complaints.push(String(problem)));
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  page.on('request', (request) => request.url().startsWith(hub.url) || page.foreign.push(request.url()));
  await page.goto(hub.url);
  await isLive(page);
  return page;
}

export const isLive = (page) => page.locator('[data-phase=live]').waitFor();

export async function picture(page, name) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}${name}.png` });
}
