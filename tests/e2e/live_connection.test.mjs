// SPDX-License-Identifier: MIT
// When the page takes a connection for lost, and when it tries again. The clock and the socket are the test's.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Backoff } from '../../apps/hub/dashboard/core/backoff.js';
import { LiveConnection } from '../../apps/hub/dashboard/net/live_connection.js';

const limit = { timeout: 10_000 };

let sockets;
let phases;
let connection;

class Socket {
  closed = false;

  constructor() {
    sockets.push(this);
  }

  close() {
    this.closed = true;
  }

  say(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
}

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  globalThis.WebSocket = Socket;
  sockets = [];
  phases = [];
  connection = new LiveConnection({
    url: 'ws://hub/ws',
    backoff: new Backoff({ first: 1000, limit: 8000, random: () => 1 }),
    onPhase: (phase) => phases.push(phase),
    onMessage: () => {},
  });
  connection.connect();
});
afterEach(() => mock.timers.reset());

const last = () => phases.at(-1);
const close = (code = 1006, reason = '') => sockets.at(-1).onclose({ code, reason });

test('a_connection_is_live_with_the_hello_and_not_before', limit, () => {
  assert.equal(last().phase, 'connecting');
  sockets[0].say({ type: 'stats' });
  assert.equal(last().phase, 'connecting');
  sockets[0].say({ type: 'hello' });
  assert.equal(last().phase, 'live');
});

test('messages_that_are_no_json_objects_are_survived', limit, () => {
  for (const text of ['', '{', 'null', '5', '"x"']) sockets[0].say(text);
  sockets[0].say({ type: 'hello' });
  assert.equal(last().phase, 'live');
});

test('a_lost_connection_is_tried_again_with_growing_waits', limit, () => {
  for (const wait of [1000, 2000, 4000, 8000, 8000]) {
    const tried = sockets.length;
    close();
    assert.deepEqual([last().phase, last().retryAt], ['waiting', Date.now() + wait]);
    mock.timers.tick(wait - 1);
    assert.equal(sockets.length, tried, 'not yet');
    mock.timers.tick(1);
    assert.equal(sockets.length, tried + 1);
  }
});

test('a_connection_that_is_cut_at_once_again_and_again_is_not_hammered', limit, () => {
  for (const wait of [1000, 2000, 4000]) {
    sockets.at(-1).say({ type: 'hello' });
    close(1013, 'too slow');
    assert.equal(last().retryAt, Date.now() + wait);
    mock.timers.tick(wait);
  }
});

test('after_a_good_connection_the_first_wait_is_short_again', limit, () => {
  close();
  mock.timers.tick(1000);
  sockets[1].say({ type: 'hello' });
  for (let second = 0; second < 12; second += 1) {
    mock.timers.tick(1000);
    sockets[1].say({ type: 'stats' });
  }
  close();
  assert.equal(last().retryAt, Date.now() + 1000);
});

test('a_connection_that_fell_silent_is_given_up_although_it_looks_open', limit, () => {
  sockets[0].say({ type: 'hello' });
  mock.timers.tick(9000);
  assert.equal(last().phase, 'live');
  mock.timers.tick(2000);
  assert.deepEqual([last().phase, last().reason, sockets[0].closed], ['waiting', 'The hub fell silent.', true]);
  mock.timers.tick(1000);
  assert.equal(sockets.length, 2);
  sockets[0].onclose({ code: 1006, reason: '' });
  sockets[0].say({ type: 'hello' });
  assert.equal(last().phase, 'connecting', 'the old socket has nothing more to say');
});

test('asking_for_a_connection_does_not_wait_and_makes_only_one', limit, () => {
  connection.connect();
  assert.equal(sockets.length, 1, 'one is being made');
  close();
  connection.connect();
  assert.equal(sockets.length, 2);
  mock.timers.tick(5000);
  assert.equal(sockets.length, 2, 'the try that was due is not made as well');
});

test('the_reason_of_the_hub_is_told', limit, () => {
  for (const [code, reason, words] of [
    [1001, '', /shutting down or restarting/],
    [1013, 'too slow: 1 MiB unsent', /ended this connection: too slow: 1 MiB unsent\./],
    [1006, '', /connection to the hub was lost/],
  ]) {
    close(code, reason);
    assert.match(last().reason, words);
    mock.timers.tick(8000);
  }
});
