// SPDX-License-Identifier: MIT
// ioredis with auto-pipelining, which its documentation recommends for throughput.
import { commonWorkloads, fanOut, load, run, task } from '../node/load.mjs';

const { Redis } = load('ioredis');
const options = { host: task.host, port: task.port, enableAutoPipelining: true };
const redis = new Redis(options);

async function publish() {
  const subscriber = new Redis(options);
  subscriber.setMaxListeners(0);
  await subscriber.subscribe('bench:channel');
  await fanOut(
    (listener) => subscriber.on('message', (_, text) => listener(text)),
    (text) => redis.publish('bench:channel', text),
  );
}

await run({ ...commonWorkloads(redis), publish });
