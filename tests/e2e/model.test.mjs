// SPDX-License-Identifier: MIT
// The parts of the page that decide: no browser, no clock, no chance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAlert, alertLimit, countBySeverity, mergeAlerts } from '../../apps/hub/dashboard/core/alerts.js';
import { Backoff } from '../../apps/hub/dashboard/core/backoff.js';
import { applySighting, applyStatus, describeCamera, mergeCameras } from '../../apps/hub/dashboard/core/cameras.js';
import { addStats, emptyHistory, historySeconds, largestOf, latestOf } from '../../apps/hub/dashboard/core/history.js';
import { countText, latencyText, rateText } from '../../apps/hub/dashboard/core/numbers.js';
import { applyLists, applyMessage, initialState } from '../../apps/hub/dashboard/core/state.js';
import { Store } from '../../apps/hub/dashboard/core/store.js';
import { clockText, parseTime, relativeText, shortDuration } from '../../apps/hub/dashboard/core/time.js';

const limit = { timeout: 10_000 };
const alert = (id, more = {}) => ({ type: 'risk_alert', id, risk_score: 70, severity: 'high', camera_id: 1, ...more });
const ids = (alerts) => alerts.map(({ id }) => id).join('');
const live = (...names) => names.reduce((alerts, id, index) => addAlert(alerts, alert(id), index + 1), []);

// --- alerts ---

test('a_live_alert_stands_on_top_and_never_twice', limit, () => {
  const alerts = live('a', 'b');
  assert.equal(ids(alerts), 'ba');
  assert.equal(addAlert(alerts, alert('a'), 3), alerts);
});

test('a_list_fills_the_hole_of_an_outage_in_its_place', limit, () => {
  const merged = mergeAlerts(
    live('a', 'b'),
    ['d', 'c', 'b', 'a'].map((id) => alert(id)),
    2,
    'caught-up',
  );
  assert.equal(ids(merged.alerts), 'dcba');
  assert.equal(merged.added, 2);
  assert.deepEqual(
    merged.alerts.map(({ origin }) => origin),
    ['caught-up', 'caught-up', 'live', 'live'],
  );
});

test('an_alert_that_came_while_the_list_was_loading_stays_above_it', limit, () => {
  const merged = mergeAlerts(live('a', 'x'), [alert('b'), alert('a')], 1, 'caught-up');
  assert.equal(ids(merged.alerts), 'xba');
  assert.equal(merged.added, 1);
});

test('an_alert_that_came_while_loading_and_is_listed_is_shown_once', limit, () => {
  const merged = mergeAlerts(live('a', 'x'), [alert('x'), alert('b'), alert('a')], 1, 'caught-up');
  assert.equal(ids(merged.alerts), 'xba');
});

test('what_the_hub_no_longer_lists_stays_below', limit, () => {
  assert.equal(ids(mergeAlerts(live('a', 'b'), [alert('c')], 2, 'caught-up').alerts), 'cba');
});

test('alerts_are_bounded_and_the_newest_stay', limit, () => {
  let alerts = [];
  for (let index = 0; index < 1000; index += 1) alerts = addAlert(alerts, alert(`${index}`), index);
  assert.equal(alerts.length, alertLimit);
  assert.equal(alerts[0].id, '999');
  const listed = Array.from({ length: 500 }, (_, index) => alert(`listed-${index}`));
  const merged = mergeAlerts(alerts, listed, 1000, 'caught-up').alerts;
  assert.equal(merged.length, alertLimit);
  assert.equal(merged[0].id, 'listed-0');
});

test('an_alert_of_any_shape_is_survived', limit, () => {
  const odd = {
    type: 'risk_alert',
    id: 7,
    severity: 'constructor',
    risk_score: '90',
    objects: 'person',
    reasons: [null, {}],
  };
  const [only] = addAlert([], odd, 1);
  assert.equal(only.severity, 'critical', 'a severity that is none of ours follows from the score');
  assert.deepEqual([only.id, only.camera, only.message, only.objects], ['7', '', '', []]);
  assert.deepEqual(countBySeverity([only]), { low: 0, medium: 0, high: 0, critical: 1 });
});

// --- cameras ---

const camera = (id, status = 'online', more = {}) => ({
  camera_id: id,
  status,
  last_seen: '2024-01-01T00:00:00Z',
  ...more,
});

test('cameras_stand_in_the_order_of_their_numbers', limit, () => {
  const merged = mergeCameras(
    [],
    ['12', 'porch', '2'].map((id) => camera(id)),
    0,
  );
  assert.deepEqual(
    merged.map(({ id }) => id),
    ['2', '12', 'porch'],
  );
});

test('a_status_that_was_pushed_while_the_list_was_loading_wins', limit, () => {
  const pushed = applyStatus([], camera('1', 'offline'), 5);
  assert.equal(mergeCameras(pushed, [camera('1', 'online')], 4)[0].online, false);
  assert.equal(mergeCameras(pushed, [camera('1', 'online')], 5)[0].online, true);
});

test('a_camera_the_hub_does_not_know_is_gone_unless_it_was_just_pushed', limit, () => {
  const pushed = applyStatus(applyStatus([], camera('old'), 1), camera('new'), 9);
  assert.deepEqual(
    mergeCameras(pushed, [], 5).map(({ id }) => id),
    ['new'],
  );
});

test('a_camera_that_is_forgotten_is_gone_at_once', limit, () => {
  const known = { ...initialState, cameras: mergeCameras([], [camera('1'), camera('2')], 0) };
  const { cameras } = applyMessage(known, { type: 'camera_forgotten', camera_id: '1' }, { now: 0, hidden: false });
  assert.deepEqual(
    cameras.map(({ id }) => id),
    ['2'],
  );
});

test('going_offline_keeps_what_a_camera_saw_last', limit, () => {
  const known = mergeCameras(
    [],
    [camera('1', 'online', { latest: { objects: ['dog'], risk_score: 5 }, details: { fps: 25 } })],
    0,
  );
  const seen = applySighting(
    known,
    alert('a', { camera_id: 1, objects: ['person'], risk_score: 90, severity: 'critical' }),
  );
  const [off] = applyStatus(seen, camera('1', 'offline', { last_seen: null }), 3);
  assert.equal(off.online, false);
  assert.deepEqual(off.latest, { objects: ['person'], score: 90, severity: 'critical' });
  assert.deepEqual(off.details, { fps: 25 });
  assert.equal(off.lastSeen, '2024-01-01T00:00:00Z');
});

test('only_plain_facts_of_a_camera_are_described', limit, () => {
  const details = {
    online: true,
    name: 'Porch',
    nested: { a: 1 },
    list: [1],
    nothing: null,
    night_mode: false,
    fps: 25,
    a: 1,
    b: 2,
  };
  assert.deepEqual(describeCamera({ details }), {
    name: 'Porch',
    facts: [
      ['night mode', 'no'],
      ['fps', '25'],
      ['a', '1'],
    ],
  });
});

// --- history ---

const stats = (posted, more = {}) => ({
  type: 'stats',
  queued: 3,
  posted,
  processed: posted,
  redis: { status: 'healthy', latency_us: 200 },
  ...more,
});
const run = (...steps) => steps.reduce((history, [now, message]) => addStats(history, message, now), emptyHistory);

test('rates_come_from_totals_and_the_time_between_them', limit, () => {
  const history = run([1000, stats(10)], [3000, stats(30, { processed: 20 })]);
  assert.deepEqual(history.posted, [null, 10]);
  assert.deepEqual(history.processed, [null, 5]);
  assert.deepEqual(history.times, [1, 3]);
});

test('a_restarted_hub_has_no_negative_rate', limit, () => {
  assert.deepEqual(run([1000, stats(500)], [2000, stats(3)], [3000, stats(8)]).posted, [null, null, 5]);
});

test('no_line_is_drawn_across_a_silence', limit, () => {
  const history = run([1000, stats(1)], [2000, stats(2)], [60_000, stats(500)]);
  assert.deepEqual(history.queued, [3, 3, null, 3]);
  assert.deepEqual(history.posted, [null, 1, null, null]);
});

test('points_are_bounded_in_age_and_in_number', limit, () => {
  const slow = run(...Array.from({ length: 2000 }, (_, second) => [second * 1000, stats(second)]));
  assert.ok(slow.times.length <= historySeconds + 1);
  const fast = run(...Array.from({ length: 2000 }, (_, tick) => [tick * 10, stats(tick)]));
  assert.ok(fast.times.length <= 400);
  for (const name of ['queued', 'posted', 'processed', 'latency']) assert.equal(fast[name].length, fast.times.length);
});

test('latency_is_that_of_a_healthy_redis', limit, () => {
  const history = run(
    [1000, stats(1)],
    [2000, stats(1, { redis: { status: 'unhealthy', latency_us: 9e6 }, queued: null })],
  );
  assert.deepEqual(history.latency, [200, null]);
  assert.deepEqual([largestOf(history.latency), latestOf([]), largestOf([])], [200, null, null]);
});

// --- state ---

const at = { now: 1000, hidden: false };

test('a_message_of_an_unknown_type_changes_nothing_that_is_shown', limit, () => {
  for (const type of ['news', 'constructor', '__proto__', undefined]) {
    assert.deepEqual(applyMessage(initialState, { type }, at), { ...initialState, serial: 1 });
  }
});

test('the_clock_of_the_hub_is_followed', limit, () => {
  const hello = { type: 'hello', server_time: new Date(61_000).toISOString() };
  assert.equal(applyMessage(initialState, hello, at).clockAhead, 60_000);
});

for (const [kind, facts, words] of [
  ['reconnect', { milliseconds: 3200 }, /without the hub for 3 s.*2 alerts were missed/],
  ['gap', { milliseconds: 400 }, /without Redis for less than a second.*2 alerts were missed/],
  ['overflow', { dropped: 12 }, /too busy to send 12 of its messages.*2 alerts were missed/],
]) {
  test(`the_user_is_told_of_a_gap_${kind}`, limit, () => {
    const lists = {
      alerts: [alert('a'), alert('b')],
      cameras: [],
      asked: 0,
      cause: { kind, facts },
      hidden: true,
      now: 5,
    };
    const state = applyLists(initialState, lists);
    assert.match(state.notices[0].text, words);
    assert.equal(state.unseen, 2);
    assert.equal(applyLists(state, lists).notices.length, 1, 'one notice of a kind');
    assert.match(applyLists(state, lists).notices[0].text, /nothing was missed/);
  });
}

test('the_first_load_is_no_gap', limit, () => {
  const state = applyLists(initialState, {
    alerts: [alert('a')],
    cameras: [],
    asked: 0,
    cause: null,
    hidden: true,
    now: 5,
  });
  assert.deepEqual([state.notices, state.unseen, state.alerts[0].origin], [[], 0, 'listed']);
});

test('listeners_hear_once_of_many_changes', limit, () => {
  const due = [];
  const store = new Store(0, (run) => due.push(run));
  const heard = [];
  const end = store.subscribe((state) => heard.push(state));
  for (let index = 0; index < 100; index += 1) store.update((state) => state + 1);
  assert.deepEqual([due.length, heard], [1, []]);
  due[0]();
  assert.deepEqual(heard, [100]);
  store.update((state) => state);
  assert.equal(due.length, 1, 'a change that changes nothing is none');
  end();
  store.update((state) => state + 1);
  due[1]();
  assert.deepEqual(heard, [100]);
});

// --- time, numbers, waiting ---

test('a_timestamp_without_a_zone_is_shown_as_it_stands', limit, () => {
  const now = new Date(2024, 0, 1, 23);
  assert.equal(clockText('2024-01-01T12:00:05.123', now), '12:00:05');
  assert.equal(clockText('2023-12-31T12:00', now), '2023-12-31 12:00');
  assert.equal(clockText(new Date(2024, 0, 1, 7, 8, 9).toISOString(), now), '07:08:09');
  assert.equal(clockText(new Date(2024, 0, 1, 7, 8, 9).getTime() / 1000, now), '07:08:09');
  assert.equal(clockText('yesterday', now), 'yesterday');
  assert.equal(clockText(undefined, now), '');
});

test('ages_are_said_in_one_unit', limit, () => {
  assert.deepEqual([0, 59_999, 60_000, 3_600_000, 90_000_000].map(shortDuration), [
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '1 d',
  ]);
  assert.equal(relativeText(5000, 4000), 'just now', 'a clock that is ahead');
  assert.equal(relativeText(0, 12_000), '12 s ago');
  assert.deepEqual([parseTime(null), parseTime('nonsense')], [null, null]);
});

test('figures_are_short_and_unknown_ones_a_dash', limit, () => {
  assert.deepEqual([countText(12_345), countText(null), countText(2_500_000)], ['12,345', '–', '2.5M']);
  assert.deepEqual([rateText(3.14159), rateText(314.15), rateText(NaN)], ['3.1', '314', '–']);
  assert.deepEqual(
    [latencyText(212), latencyText(1500), latencyText(45_000), latencyText(2e6)],
    ['212 µs', '1.5 ms', '45 ms', '2.0 s'],
  );
});

test('waits_double_up_to_a_limit_and_differ_by_chance', limit, () => {
  const shortest = new Backoff({ first: 500, limit: 4000, random: () => 0 });
  const longest = new Backoff({ first: 500, limit: 4000, random: () => 1 });
  assert.deepEqual(
    Array.from({ length: 6 }, () => shortest.next()),
    [250, 500, 1000, 2000, 2000, 2000],
  );
  assert.deepEqual(
    Array.from({ length: 6 }, () => longest.next()),
    [500, 1000, 2000, 4000, 4000, 4000],
  );
  longest.reset();
  assert.equal(longest.next(), 500);
  for (let tries = 0; tries < 5000; tries += 1) assert.ok(longest.next() <= 4000);
});
