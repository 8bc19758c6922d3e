// SPDX-License-Identifier: MIT
// BullMQ: jobs are added in bulk and worked off by one worker that does as many at once as there are operations in
// flight. An operation is a job that was added and done. It promises more than a list does: a job that fails is tried
// again.
import { check, load, meter, run, task } from '../node/load.mjs';

const { Queue, Worker } = load('bullmq');
const connection = { host: task.host, port: task.port, maxRetriesPerRequest: null };
const bulk = 250;

async function pairs() {
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
  let waiting = 0;
  const worker = new Worker(
    'bench',
    async (job) => {
      check(job.data.objects.length === 2);
      --waiting;
      meter.end(job.data.begun);
    },
    { connection, concurrency: task.inFlight, removeOnComplete: { count: 0 } },
  );
  worker.on('error', (problem) => {
    throw problem;
  });
  const jobOf = (number) => ({
    name: 'detection',
    data: {
      camera_id: number,
      timestamp: '2024-01-01T12:00:00',
      objects: ['person', 'car'],
      begun: meter.begin(),
    },
  });
  const add = async () => {
    while (!meter.stopped) {
      if (waiting < bulk) {
        waiting += bulk;
        await queue.addBulk(Array.from({ length: bulk }, (_, number) => jobOf(number)));
      } else {
        await new Promise(setImmediate);
      }
    }
  };
  const adding = add();
  await meter.measure();
  await adding;
}

await run({ pairs });
