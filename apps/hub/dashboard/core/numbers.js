// SPDX-License-Identifier: MIT
// Figures as they are written on the page. A figure that is not known is a dash.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const unknown = '–';

export function countText(value) {
  if (!Number.isFinite(value)) return unknown;
  return value < 100_000 ? whole.format(value) : compact.format(value);
}

export function rateText(value) {
  if (!Number.isFinite(value)) return unknown;
  return value < 10 ? value.toFixed(1) : countText(value);
}

export function latencyText(microseconds) {
  if (!Number.isFinite(microseconds)) return unknown;
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 1_000_000) return `${(microseconds / 1000).toFixed(microseconds < 10_000 ? 1 : 0)} ms`;
  return `${(microseconds / 1_000_000).toFixed(1)} s`;
}

/** "1 alert", "2 alerts" */
export const plural = (count, noun) => `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
