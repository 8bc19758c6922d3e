// SPDX-License-Identifier: MIT
// The cameras by id, in an order that does not move: by id, numbers as numbers.

import { severityOf } from './severity.js';

export const cameraLimit = 500;

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const byId = (left, right) => collator.compare(left.id, right.id);
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function toLatest(latest) {
  if (!isObject(latest)) return null;
  const score = Number(latest.risk_score) || 0;
  return {
    objects: Array.isArray(latest.objects) ? latest.objects.slice(0, 20).map(String) : [],
    score,
    severity: severityOf(latest.severity, score),
  };
}

function toCamera(message, serial) {
  return {
    id: String(message.camera_id),
    online: message.status === 'online',
    lastSeen: message.last_seen ?? null,
    details: isObject(message.details) ? message.details : {},
    latest: toLatest(message.latest),
    serial,
  };
}

const later = (left, right) => (String(left ?? '') > String(right ?? '') ? left : right);

/** A camera went online or offline. What the message does not say stays as it was. */
export function applyStatus(cameras, message, serial) {
  const known = cameras.find((camera) => camera.id === String(message.camera_id));
  const next = { ...toCamera(message, serial) };
  if (known) {
    next.latest = known.latest;
    next.lastSeen = later(next.lastSeen, known.lastSeen);
    if (!isObject(message.details)) next.details = known.details;
  }
  return [...cameras.filter((camera) => camera !== known), next].sort(byId);
}

/** The hub knows this camera no more. */
export function forgetCamera(cameras, message) {
  return cameras.filter((camera) => camera.id !== String(message.camera_id));
}

/** An alert tells what its camera saw last, before the next list does. */
export function applySighting(cameras, message) {
  const id = String(message.camera_id);
  return cameras.map((camera) => (camera.id === id ? { ...camera, latest: toLatest(message) } : camera));
}

/**
 * What GET /cameras answered is what there is, except for a status that was pushed after it was asked for
 * (serial > `asked`).
 */
export function mergeCameras(cameras, listed, asked) {
  const pushed = new Map(cameras.filter((camera) => camera.serial > asked).map((camera) => [camera.id, camera]));
  const merged = new Map();
  for (const message of listed) {
    const camera = toCamera(message, asked);
    const newer = pushed.get(camera.id);
    if (newer) Object.assign(camera, { online: newer.online, lastSeen: newer.lastSeen, serial: newer.serial });
    merged.set(camera.id, camera);
  }
  for (const [id, camera] of pushed) if (!merged.has(id)) merged.set(id, camera);
  return [...merged.values()].sort(byId);
}

const factText = (value) => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value));

/** The name, and up to `count` plain facts of what the camera itself reported, as [key, text]. */
export function describeCamera(camera, count = 3) {
  const facts = [];
  let name = '';
  for (const [key, value] of Object.entries(camera.details)) {
    if (key === 'online' || value === null || typeof value === 'object' || value === '') continue;
    if (key === 'name') name = String(value);
    else if (facts.length < count) facts.push([key.replaceAll('_', ' '), factText(value)]);
  }
  return { name, facts };
}
