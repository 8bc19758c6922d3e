// SPDX-License-Identifier: MIT
// Figures over the last five minutes, from the totals that the hub tells every second.

export const historySeconds = 300;
const pointLimit = 400;

const seriesNames = ['times', 'queued', 'posted', 'processed', 'latency'];

export const emptyHistory = { last: null, times: [], queued: [], posted: [], processed: [], latency: [] };

/** Totals that go down are those of a hub that was started anew: there is no rate between the two. */
function rate(now, before, seconds) {
  if (!Number.isFinite(now) || !Number.isFinite(before) || now < before || seconds <= 0) return null;
  return (now - before) / seconds;
}

const number = (value) => (Number.isFinite(value) ? value : null);

/** The rows of a message: one, and after a silence an empty one before it, so that no line is drawn across it. */
function rowsOf(message, last, now) {
  const seconds = last ? (now - last.now) / 1000 : 0;
  const silent = seconds > 5; // a rate over that time would look like a quiet hub
  const row = {
    times: now / 1000,
    queued: number(message.queued),
    posted: last && !silent ? rate(message.posted, last.posted, seconds) : null,
    processed: last && !silent ? rate(message.processed, last.processed, seconds) : null,
    latency: message.redis?.status === 'healthy' ? number(message.redis.latency_us) : null,
  };
  const blank = { times: now / 1000 - 1, queued: null, posted: null, processed: null, latency: null };
  return silent ? [blank, row] : [row];
}

/** Adds one stats message that came at `now` (milliseconds). A point that is too old, or one too many, falls off. */
export function addStats(history, message, now) {
  const rows = rowsOf(message, history.last, now);
  const oldest = now / 1000 - historySeconds;
  let from = Math.max(0, history.times.length + rows.length - pointLimit);
  while (from < history.times.length && history.times[from] < oldest) from += 1;
  const next = { last: { now, posted: message.posted, processed: message.processed } };
  for (const name of seriesNames) next[name] = [...history[name].slice(from), ...rows.map((row) => row[name])];
  return next;
}

/** The newest value of a series that is one, or null. */
export function latestOf(series) {
  for (let index = series.length - 1; index >= Math.max(0, series.length - 3); index -= 1) {
    if (series[index] !== null) return series[index];
  }
  return null;
}

/** The largest value of a series, or null when it has none. */
export function largestOf(series) {
  return series.reduce((most, value) => (value !== null && (most === null || value > most) ? value : most), null);
}
