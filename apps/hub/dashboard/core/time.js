// SPDX-License-Identifier: MIT
// Timestamps as the hub sends them, and how they are said on the page.

const hasZone = /(?:z|[+-]\d\d:?\d\d)$/i;
const isoClock = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)/;

/** A Date of an ISO 8601 text or of Unix seconds; null for anything else. */
export function parseTime(value) {
  if (value === null || value === undefined || value === '') return null;
  const date = typeof value === 'number' ? new Date(value * 1000) : new Date(String(value));
  return Number.isNaN(date.getTime()) ? null : date;
}

const two = (number) => String(number).padStart(2, '0');
const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clockOf = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/**
 * The time of day of an event, with its day unless that is today. A timestamp without a zone is the clock on the
 * camera's wall: it is shown as it stands.
 */
export function clockText(value, now = new Date()) {
  const wall = typeof value === 'string' && !hasZone.test(value) && isoClock.exec(value);
  const date = parseTime(value);
  if (!wall && !date) return String(value ?? '');
  const [day, clock] = wall ? [wall[1], wall[2]] : [dayOf(date), clockOf(date)];
  return day === dayOf(now) ? clock : `${day} ${clock}`;
}

const steps = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [Infinity, 86_400, 'd'],
];

/** "now", "12 s", "3 min", "5 h", "2 d": how long a number of milliseconds is, in one unit. */
export function shortDuration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [, unit, name] = steps.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name}`;
}

/** "just now", "12 s ago"; milliseconds of two clocks that agree. A time that lies ahead is "just now". */
export function relativeText(then, now) {
  const age = now - then;
  return age < 1500 ? 'just now' : `${shortDuration(age)} ago`;
}
