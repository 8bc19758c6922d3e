// SPDX-License-Identifier: MIT
// Connection, lists and store put together.

import { Backoff } from '../core/backoff.js';
import { applyMessage } from '../core/state.js';
import { CatchUp } from './catch_up.js';
import { LiveConnection } from './live_connection.js';

const gaps = {
  gap: (message) => ({ kind: 'gap', facts: { milliseconds: message.outage_ms } }),
  overflow: (message) => ({ kind: 'overflow', facts: { dropped: message.dropped } }),
};

/** Starts everything; returns {reconnect}, which does not wait for the next try. */
export function startSession(store) {
  const catchUp = new CatchUp({ store, backoff: new Backoff({ first: 1000, limit: 15_000 }) });

  function onPhase({ phase, retryAt, reason }) {
    const { lostAt } = store.state.connection;
    catchUp.setLive(phase === 'live');
    if (phase === 'live') {
      store.update((state) => ({ ...state, connection: { phase, retryAt: null, lostAt: null, reason: '' } }));
      catchUp.load(lostAt && { kind: 'reconnect', facts: { milliseconds: Date.now() - lostAt } });
      return;
    }
    store.update((state) => ({
      ...state,
      connection: {
        phase,
        retryAt,
        // A page that never was connected has lost nothing.
        lostAt: lostAt ?? (state.connection.phase === 'live' ? Date.now() : null),
        // The first reason says the most: the tries that follow only fail.
        reason: state.connection.reason || reason,
      },
    }));
  }

  function onMessage(message) {
    store.update((state) => applyMessage(state, message, { now: Date.now(), hidden: document.hidden }));
    if (Object.hasOwn(gaps, message.type)) catchUp.load(gaps[message.type](message));
  }

  const url = new URL('/ws?stats=true', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const connection = new LiveConnection({ url, backoff: new Backoff(), onPhase, onMessage });
  connection.connect();
  catchUp.pollCameras();

  const reconnect = () => connection.connect();
  // The two moments at which a try is likely to work, or somebody looks at it.
  addEventListener('online', reconnect);
  document.addEventListener('visibilitychange', () => document.hidden || reconnect());
  return { reconnect };
}
