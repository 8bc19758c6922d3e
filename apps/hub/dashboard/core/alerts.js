// SPDX-License-Identifier: MIT
// The alert feed: newest first, no alert twice, never more than `alertLimit`.

import { severityOf } from './severity.js';

export const alertLimit = 200;

const texts = (value) => (Array.isArray(value) ? value.slice(0, 20).map(String) : []);

/** An alert as the page keeps it. `serial` says when it came, as live messages are counted. */
function toAlert(message, serial, origin) {
  const score = Number(message.risk_score) || 0;
  return {
    id: String(message.id),
    score,
    severity: severityOf(message.severity, score),
    camera: String(message.camera_id ?? ''),
    message: String(message.message ?? ''),
    timestamp: message.timestamp,
    objects: texts(message.objects),
    reasons: texts(message.reasons),
    serial,
    origin,
  };
}

/** Puts a live alert on top; the same list when it is there already. */
export function addAlert(alerts, message, serial) {
  const id = String(message.id);
  if (alerts.some((alert) => alert.id === id)) return alerts;
  return [toAlert(message, serial, 'live'), ...alerts].slice(0, alertLimit);
}

/**
 * Merges what GET /alerts answered. Its order counts; live alerts that came after it was asked for (serial > `asked`)
 * stand above, what is known but no longer listed stands below. Returns the alerts and how many of them are new here.
 */
export function mergeAlerts(alerts, listed, asked, origin) {
  const known = new Map(alerts.map((alert) => [alert.id, alert]));
  const merged = new Map();
  const ids = new Set(listed.map((message) => String(message.id)));
  for (const alert of alerts) {
    if (alert.serial > asked && !ids.has(alert.id)) merged.set(alert.id, alert);
  }
  let added = 0;
  for (const message of listed) {
    const id = String(message.id);
    if (merged.has(id)) continue;
    if (!known.has(id)) added += 1;
    merged.set(id, known.get(id) ?? toAlert(message, asked, origin));
  }
  for (const alert of alerts) merged.set(alert.id, merged.get(alert.id) ?? alert);
  return { alerts: [...merged.values()].slice(0, alertLimit), added };
}

/** How many alerts there are of each severity. */
export function countBySeverity(alerts) {
  const counts = { low: 0, medium: 0, high: 0, critical: 0 };
  for (const alert of alerts) counts[alert.severity] += 1;
  return counts;
}
