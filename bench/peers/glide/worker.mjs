// SPDX-License-Identifier: MIT
// Valkey GLIDE: the core in Rust, called from Node.js.
import { commonWorkloads, load, run, task } from '../node/load.mjs';

const { GlideClient } = load('@valkey/valkey-glide');
const redis = await GlideClient.createClient({
  addresses: [{ host: task.host, port: task.port }],
  requestTimeout: 5000,
  inflightRequestsLimit: 100_000,
});

const verbs = {
  get: (key) => redis.get(key),
  set: (key, value) => redis.set(key, value),
  incr: (key) => redis.incr(key),
  mget: (keys) => redis.mget(keys),
  rpush: (key, value) => redis.rpush(key, [value]),
  lpop: (key) => redis.lpop(key),
};
await run(commonWorkloads(verbs));
