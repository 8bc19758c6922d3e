// SPDX-License-Identifier: MIT

/**
 * How long until the next try: doubles up to a limit. Half of it is fixed, so that a countdown means something, and
 * half is random, so that many pages do not come back to a restarted hub in the same moment.
 */
export class Backoff {
  #tries = 0;
  #first;
  #limit;
  #random;

  constructor({ first = 500, limit = 30_000, random = Math.random } = {}) {
    this.#first = first;
    this.#limit = limit;
    this.#random = random;
  }

  get tries() {
    return this.#tries;
  }

  /** Milliseconds until the next try. */
  next() {
    const whole = Math.min(this.#limit, this.#first * 2 ** Math.min(this.#tries, 20));
    this.#tries += 1;
    return Math.round(whole / 2 + (whole / 2) * this.#random());
  }

  reset() {
    this.#tries = 0;
  }
}
