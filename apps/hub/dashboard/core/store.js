// SPDX-License-Identifier: MIT

/**
 * Holds the state and tells listeners that it changed: once for all changes of the same turn, as `schedule` decides, so
 * that a flood of alerts costs one rendering a frame.
 */
export class Store {
  #state;
  #schedule;
  #due = false;
  #listeners = new Set();

  constructor(state, schedule = queueMicrotask) {
    this.#state = state;
    this.#schedule = schedule;
  }

  get state() {
    return this.#state;
  }

  /** Replaces the state by `change(state)`. */
  update(change) {
    const next = change(this.#state);
    if (next === this.#state) return;
    this.#state = next;
    if (this.#due) return;
    this.#due = true;
    this.#schedule(() => {
      this.#due = false;
      for (const listener of [...this.#listeners]) listener(this.#state);
    });
  }

  /** Returns the function that ends it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
