// SPDX-License-Identifier: MIT

/** Waits until `condition` gives something true, and returns it. Fails after `limit` milliseconds. */
export async function until(what, condition, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
