// SPDX-License-Identifier: MIT
// A hub in two hundred lines, for working on the page where the real one is not built. It keeps the routes and messages
// of the hub, not its guarantees: no Redis, no queue worth the name, one small rule of risk.

import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

const dashboard = fileURLToPath(new URL('../../../apps/hub/dashboard/', import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** What hubs share: the part of Redis. */
export class FakeStore {
  alerts = [];
  cameras = new Map();
  hubs = new Set();
  #awaySince = null;

  /** Whether it is away, as Redis is between stopping and starting. */
  get away() {
    return this.#awaySince !== null;
  }

  leave() {
    this.#awaySince = Date.now();
  }

  comeBack() {
    this.publish({ type: 'gap', outage_ms: Date.now() - this.#awaySince });
    this.#awaySince = null;
  }

  publish(message) {
    for (const hub of this.hubs) hub.broadcast(message);
  }
}

const scores = { person: 40, car: 10, dog: 5 };

function assess(event) {
  const reasons = event.objects.map((object) => [object, scores[object] ?? 1]);
  if (/T0[0-5]/.test(String(event.timestamp))) reasons.push(['night', 25]);
  for (const zone of event.zones ?? []) reasons.push([zone, 20]);
  const score = Math.min(
    100,
    reasons.reduce((sum, [, points]) => sum + points, 0),
  );
  const severity = score >= 85 ? 'critical' : score >= 60 ? 'high' : score >= 30 ? 'medium' : 'low';
  return { risk_score: score, severity, reasons: reasons.map(([name, points]) => `${name} +${points}`) };
}

async function fileOf(url) {
  const name = url === '/' ? 'index.html' : url.slice('/dashboard/'.length);
  if (name.startsWith('vendor/')) {
    const vendor = JSON.parse(await readFile(path.join(dashboard, 'vendor.json'), 'utf8'));
    return path.join(dashboard, 'node_modules', vendor[name.slice('vendor/'.length)]);
  }
  return path.join(dashboard, path.normalize(`/${name}`));
}

async function policy() {
  const page = await readFile(path.join(dashboard, 'index.html'), 'utf8');
  const map = /<script type="importmap">(.*?)<\/script>/s.exec(page)[1];
  const hash = createHash('sha256').update(map).digest('base64');
  return (
    `default-src 'none'; script-src 'self' 'sha256-${hash}'; style-src 'self'; img-src 'self'; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  );
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

export class FakeHub {
  #store;
  #ttl;
  #server = createServer((request, response) => this.#answer(request, response));
  #sockets = new WebSocketServer({ server: this.#server, path: '/ws' });
  #timers = [];
  #totals = { posted: 0, processed: 0, alerts: 0 };

  constructor({ store, cameraTtl = 300 }) {
    this.#store = store;
    this.#ttl = cameraTtl * 1000;
    this.#sockets.on('connection', (socket) =>
      this.#send(socket, { type: 'hello', server_time: new Date().toISOString(), heartbeat_s: 20 }),
    );
  }

  async start(port = 0) {
    await new Promise((resolve, reject) => this.#server.once('error', reject).listen(port, '127.0.0.1', resolve));
    this.#store.hubs.add(this);
    this.#timers = [setInterval(() => this.#stats(), 1000), setInterval(() => this.#expire(), 200)];
    return this.#server.address().port;
  }

  async stop() {
    this.#timers.forEach(clearInterval);
    this.#store.hubs.delete(this);
    for (const socket of this.#sockets.clients) socket.close(1001);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  broadcast(message) {
    for (const socket of this.#sockets.clients) this.#send(socket, message);
  }

  #send(socket, message) {
    socket.send(JSON.stringify(message));
  }

  #stats() {
    const { posted, processed, alerts } = this.#totals;
    const { away } = this.#store;
    const redis = { status: away ? 'unhealthy' : 'healthy', latency_us: 150 + Math.floor(Math.random() * 90) };
    this.broadcast({
      type: 'stats',
      queued: away ? null : 0,
      posted,
      processed,
      alerts,
      clients: this.#sockets.clients.size,
      redis,
    });
  }

  #view(camera) {
    const left = camera.until - Date.now();
    return {
      camera_id: camera.id,
      status: left > 0 && camera.online ? 'online' : 'offline',
      last_seen: camera.lastSeen,
      expires_in_ms: left > 0 ? left : null,
      details: camera.details,
      latest: camera.latest,
    };
  }

  #tell(camera) {
    const { camera_id, status, last_seen, details } = this.#view(camera);
    if (camera.told === status) return;
    camera.told = status;
    this.#store.publish({ type: 'camera_status', camera_id, status, last_seen, details });
  }

  #expire() {
    for (const camera of this.#store.cameras.values()) this.#tell(camera);
  }

  #seen(id, change) {
    const known = this.#store.cameras.get(id) ?? { id, online: true, details: {}, latest: null, told: null };
    const times = { lastSeen: new Date().toISOString(), until: Date.now() + this.#ttl };
    const camera = { ...known, ...change, ...times };
    this.#store.cameras.set(id, camera);
    this.#tell(camera);
    return camera;
  }

  #process(event) {
    const { camera_id, timestamp, objects = [] } = event;
    const assessed = assess({ ...event, objects });
    this.#totals.posted += 1;
    this.#totals.processed += 1;
    this.#seen(String(camera_id), { latest: { camera_id, timestamp, objects, ...assessed } });
    if (assessed.risk_score < 60) return;
    this.#totals.alerts += 1;
    const message = `${objects.join(', ')} at ${camera_id}`;
    const alert = {
      type: 'risk_alert',
      id: randomUUID(),
      ...assessed,
      camera_id,
      message,
      timestamp,
      objects,
      event_id: null,
    };
    this.#store.alerts = [alert, ...this.#store.alerts].slice(0, 200);
    this.#store.publish(alert);
  }

  async #answer(request, response) {
    const url = new URL(request.url, 'http://hub');
    const json = (body, status = 200) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    const route = `${request.method} ${url.pathname}`;
    if (this.#store.away && !/^GET \/(dashboard|$)/.test(route)) return json({ detail: 'Redis is away' }, 503);
    const camera = /^PUT \/cameras\/([A-Za-z0-9_.-]+)\/status$/.exec(route);
    if (route === 'GET /alerts')
      return json({ alerts: this.#store.alerts.slice(0, Number(url.searchParams.get('limit') ?? 50)) });
    if (route === 'GET /cameras')
      return json({ cameras: [...this.#store.cameras.values()].map((each) => this.#view(each)) });
    if (route === 'GET /health')
      return json({ status: 'healthy', connected: true, redis_version: '7.0.15', latency_us: 180 });
    if (route === 'POST /events') {
      const events = [await bodyOf(request)].flat();
      events.forEach((event) => this.#process(event));
      return json({ status: 'queued', queue_length: 0, accepted: events.length });
    }
    if (camera) {
      const details = await bodyOf(request);
      return json(this.#view(this.#seen(camera[1], { details, online: details.online !== false })));
    }
    if (url.pathname !== '/' && !url.pathname.startsWith('/dashboard/')) return json({ detail: 'Not Found' }, 404);
    const file = await fileOf(url.pathname);
    const content = await readFile(file).catch(() => null);
    if (content === null) return json({ detail: 'Not Found' }, 404);
    const type = types[path.extname(url.pathname === '/' ? '.html' : url.pathname)] ?? 'text/html';
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': await policy() }).end(content);
  }
}
