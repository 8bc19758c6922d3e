// SPDX-License-Identifier: MIT
// Everything the page knows, and how messages change it. Nothing here touches the network, the document or a clock.

import { addAlert, mergeAlerts } from './alerts.js';
import { applySighting, applyStatus, forgetCamera, mergeCameras } from './cameras.js';
import { addStats, emptyHistory } from './history.js';
import { openingOf, outcomeText, putNotice } from './notices.js';

export const initialState = {
  serial: 0, // live messages so far; tells what came before and what after a list was asked for
  connection: { phase: 'connecting', lostAt: null, retryAt: null, reason: '' },
  sync: { phase: 'never', problem: '' }, // never | loading | done | failed
  clockAhead: 0, // the hub's clock minus ours, in milliseconds
  alerts: [],
  cameras: [],
  notices: [],
  history: emptyHistory,
  stats: null,
  health: null,
  unseen: 0,
};

const handlers = {
  hello(state, message, { now }) {
    const server = Date.parse(message.server_time);
    return { ...state, clockAhead: Number.isNaN(server) ? 0 : server - now };
  },
  risk_alert(state, message, { hidden }) {
    if (message.id === undefined) return state;
    const alerts = addAlert(state.alerts, message, state.serial);
    if (alerts === state.alerts) return state;
    return {
      ...state,
      alerts,
      cameras: applySighting(state.cameras, message),
      unseen: hidden ? state.unseen + 1 : state.unseen,
    };
  },
  camera_status(state, message) {
    return { ...state, cameras: applyStatus(state.cameras, message, state.serial) };
  },
  camera_forgotten(state, message) {
    return { ...state, cameras: forgetCamera(state.cameras, message) };
  },
  stats(state, message, { now }) {
    return { ...state, stats: message, history: addStats(state.history, message, now) };
  },
};

/** One message of the WebSocket. A type that is not known changes nothing. */
export function applyMessage(state, message, context) {
  const counted = { ...state, serial: state.serial + 1 };
  return Object.hasOwn(handlers, message.type) ? handlers[message.type](counted, message, context) : counted;
}

/**
 * The lists that were asked for when `serial` was `asked`. `cause` is why: null for the first load, else
 * {kind, facts} of the gap, which becomes a notice that says what was missed.
 */
export function applyLists(state, { alerts, cameras, asked, cause, hidden, now }) {
  const merged = mergeAlerts(state.alerts, alerts, asked, cause ? 'caught-up' : 'listed');
  const next = {
    ...state,
    alerts: merged.alerts,
    cameras: mergeCameras(state.cameras, cameras, asked),
    sync: { phase: 'done', problem: '' },
  };
  if (!cause) return next;
  return {
    ...next,
    unseen: hidden ? state.unseen + merged.added : state.unseen,
    notices: putNotice(state.notices, {
      kind: cause.kind,
      text: `${openingOf(cause.kind, cause.facts)} ${outcomeText(merged.added)}`,
      at: now,
    }),
  };
}
