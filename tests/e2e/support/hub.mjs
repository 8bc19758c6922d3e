// SPDX-License-Identifier: MIT
// Hubs for the tests: the program that REDSTART_HUB names, or the imitation when it names none.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './waiting.mjs';

const program = process.env.REDSTART_HUB;

/** Starts a program; its output is kept and shown when something about it fails. */
function launch(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  child.said = lines;
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  child.ended = new Promise((resolve) => {
    child.once('error', (problem) => resolve(String(problem)));
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  child.running = true;
  child.ended.then(() => (child.running = false));
  return child;
}

/** The first group of the first line that matches. */
async function lineOf(child, pattern) {
  const match = await until(`a line like ${pattern} of ${child.spawnfile}`, () => {
    const found = child.said.map((line) => pattern.exec(line)).find(Boolean);
    if (!found && !child.running) throw new Error(`${child.spawnfile} has ended:\n${child.said.join('\n')}`);
    return found;
  });
  return match[1];
}

async function end(child) {
  if (!child.running) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await child.ended;
  clearTimeout(timer);
}

class RealHub {
  #child;

  async start({ port, redis, cameraTtl }) {
    const ttl = cameraTtl ? ['--camera-ttl', String(cameraTtl)] : [];
    this.#child = launch(program, ['--listen', `127.0.0.1:${port}`, '--redis', redis, ...ttl]);
    const address = await lineOf(this.#child, /listening on (http:\/\/127\.0\.0\.1:\d+)/);
    return Number(new URL(address).port);
  }

  stop() {
    return end(this.#child);
  }
}

/** A Redis and the hubs on it. `shared` is for more than one hub, or one that is started again. */
export class World {
  #hubs = new Set();
  #folder = null;
  #redis = null;
  #url = 'embedded:';
  #store = null;

  static async start({ shared = false } = {}) {
    const world = new World();
    if (!program) world.#store = new (await import('./fake_hub.mjs')).FakeStore();
    else if (shared) await world.#startRedis();
    return world;
  }

  async #startRedis() {
    this.#folder ??= await mkdtemp(path.join(os.tmpdir(), 'redstart-e2e-'));
    const socket = path.join(this.#folder, 'redis.sock');
    const keep = ['--dir', this.#folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'no'];
    this.#redis = launch('redis-server', ['--port', '0', '--unixsocket', socket, ...keep]);
    await lineOf(this.#redis, /(ready to accept connections)/i);
    this.#url = `unix://${socket}`;
  }

  /** Redis goes; a shared one only. What it holds is kept. */
  async stopRedis() {
    if (this.#store) this.#store.leave();
    else await end(this.#redis);
  }

  /** Redis is there again. */
  async startRedis() {
    if (this.#store) this.#store.comeBack();
    else await this.#startRedis();
  }

  /** Starts a hub; port 0 takes a free one. */
  async hub({ port = 0, cameraTtl } = {}) {
    const hub = program
      ? new RealHub()
      : new (await import('./fake_hub.mjs')).FakeHub({ store: this.#store, cameraTtl });
    this.#hubs.add(hub);
    const listening = await hub.start(program ? { port, redis: this.#url, cameraTtl } : port);
    const url = `http://127.0.0.1:${listening}`;
    const stop = async () => {
      this.#hubs.delete(hub);
      await hub.stop();
    };
    return { url, port: listening, stop, ...callsOf(url) };
  }

  async stop() {
    await Promise.all([...this.#hubs].map((hub) => hub.stop()));
    if (this.#redis) await end(this.#redis);
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}

function callsOf(url) {
  async function call(method, route, body) {
    const response = await fetch(url + route, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`${method} ${route} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
  return {
    post: (event) => call('POST', '/events', event),
    putCamera: (id, details) => call('PUT', `/cameras/${id}/status`, details),
    alerts: async () => (await call('GET', '/alerts?limit=200')).alerts,
  };
}

/** A person in the entrance in the middle of the night: an alert by any rule. */
export const risky = (camera, more = {}) => ({
  camera_id: camera,
  timestamp: '2024-01-01T02:00:00',
  objects: ['person'],
  zones: ['entrance'],
  ...more,
});
