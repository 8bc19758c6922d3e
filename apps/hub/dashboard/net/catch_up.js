// SPDX-License-Identifier: MIT

import { alertLimit } from '../core/alerts.js';
import { mergeCameras } from '../core/cameras.js';
import { applyLists } from '../core/state.js';
import { getAlerts, getCameras, getHealth } from './api.js';

const cameraInterval = 5000;

/**
 * Keeps the lists complete. Pushed messages alone are not enough: those sent while this page or the hub was cut off
 * never come. So the lists are loaded after every connect and every gap, until it worked.
 */
export class CatchUp {
  #store;
  #backoff;
  #running = false;
  #again = false;
  #cause = null; // the worst news not yet told
  #live = false;
  #retry = null;

  constructor({ store, backoff }) {
    this.#store = store;
    this.#backoff = backoff;
  }

  /** Whether there is a connection: without one nothing is asked, as the next connect asks for everything. */
  setLive(live) {
    this.#live = live;
    if (!live) clearTimeout(this.#retry);
  }

  /** Loads the lists. `cause` {kind, facts} is told to the user with what was found; null tells nothing. */
  async load(cause = null) {
    this.#cause = cause ?? this.#cause;
    // One that runs may have asked before what this call is about happened.
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    clearTimeout(this.#retry);
    try {
      while (this.#again && this.#live) {
        this.#again = false;
        await this.#loadOnce();
      }
      this.#backoff.reset();
    } catch (problem) {
      this.#store.update((state) => ({ ...state, sync: { phase: 'failed', problem: problem.message } }));
      this.#retry = setTimeout(() => this.#live && this.load(), this.#backoff.next());
    } finally {
      this.#running = false;
    }
  }

  async #loadOnce() {
    const store = this.#store;
    store.update((state) => ({ ...state, sync: { phase: 'loading', problem: '' } }));
    const asked = store.state.serial;
    const health = getHealth().catch(() => null);
    const [alerts, cameras] = await Promise.all([getAlerts(alertLimit), getCameras()]);
    const cause = this.#cause;
    this.#cause = null;
    const lists = { alerts, cameras, asked, cause, hidden: document.hidden, now: Date.now() };
    store.update((state) => applyLists(state, lists));
    const found = await health;
    if (found) store.update((state) => ({ ...state, health: found }));
  }

  /** Asks for the cameras now and then: that a camera is still there is not pushed. Hidden pages do not ask. */
  pollCameras() {
    setInterval(async () => {
      if (!this.#live || this.#running || document.hidden) return;
      const asked = this.#store.state.serial;
      const cameras = await getCameras().catch(() => null);
      if (cameras) this.#store.update((state) => ({ ...state, cameras: mergeCameras(state.cameras, cameras, asked) }));
    }, cameraInterval);
  }
}
