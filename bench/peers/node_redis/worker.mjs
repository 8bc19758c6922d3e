// SPDX-License-Identifier: MIT
// node-redis, which sends the commands of one turn of the event loop together by itself.
import { commonWorkloads, fanOut, load, run, task } from '../node/load.mjs';

const { createClient } = load('redis');
const options = { socket: { host: task.host, port: task.port } };
const redis = await createClient(options).connect();

async function publish() {
  const subscriber = await createClient(options).connect();
  await fanOut(
    (listener) => subscriber.subscribe('bench:channel', listener),
    (text) => redis.publish('bench:channel', text),
  );
}

const verbs = {
  get: (key) => redis.get(key),
  set: (key, value) => redis.set(key, value),
  incr: (key) => redis.incr(key),
  mget: (keys) => redis.mGet(keys),
  rpush: (key, value) => redis.rPush(key, value),
  lpop: (key) => redis.lPop(key),
};
await run({ ...commonWorkloads(verbs), publish });
