// SPDX-License-Identifier: MIT
// What the workers on Node.js have in common, as bench/worker/load.hpp for those in C++: what is asked for, how it is
// measured, and what is said at the end.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The packages are installed where `./dev bench --peers` puts them, not beside the workers. */
export const load = createRequire(`${process.env.BENCH_NODE_MODULES}/`);

const [host, port, kind, inFlight, size, seconds] = process.argv.slice(2);
export const task = { host, port: +port, kind, inFlight: +inFlight, size: +size, seconds: +seconds };

export const value = 'x'.repeat(task.size);
export const mgetKeys = Array.from({ length: 100 }, (_, i) => `bench:key:${i}`);
const mixKeys = Array.from({ length: 100_000 }, (_, i) => `bench:key:${i}`);

export function check(right) {
  if (!right) throw new Error('a wrong answer');
}

export const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time * 1000));

function peakMemory() {
  return +readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s*(\d+)/)[1];
}

/** Counts operations, and takes the time of one in 17. */
class Meter {
  stopped = false;
  #stride = task.inFlight < 16 ? 1 : 17;
  #sinceTimed = 0;
  #done = 0;
  #times = [];
  #open = false;
  #figures = {};

  begin() {
    if (++this.#sinceTimed < this.#stride) return 0;
    this.#sinceTimed = 0;
    return performance.now();
  }

  end(begun) {
    ++this.#done;
    if (begun && this.#open) this.#times.push(performance.now() - begun);
  }

  /** Warms up, then measures for as long as is asked for. Operations go on around it. */
  async measure() {
    await sleep(Math.max(0.3, 0.3 * task.seconds));
    const cpu = process.cpuUsage();
    const began = performance.now();
    this.#done = 0;
    this.#open = true;
    await sleep(task.seconds);
    const used = process.cpuUsage(cpu);
    this.#figures = {
      operations: this.#done,
      seconds: (performance.now() - began) / 1000,
      cpu_seconds: (used.user + used.system) / 1e6,
      peak_rss_kib: peakMemory(),
    };
    this.#open = false;
    this.stopped = true;
  }

  print() {
    const times = this.#times.sort((a, b) => a - b);
    const percentile = (part) => {
      const time = times[Math.min(Math.floor(part * times.length), times.length - 1)] ?? 0;
      return Math.round(time * 1e4) / 10;
    };
    const latencies = { p50_us: percentile(0.5), p99_us: percentile(0.99), p999_us: percentile(0.999) };
    console.log(JSON.stringify({ ...this.#figures, ...latencies, notes: {} }));
  }
}

export const meter = new Meter();

/** `slot(number)` works while the meter has not stopped. */
export async function runSlots(slot) {
  const slots = Array.from({ length: task.inFlight }, (_, number) => slot(number));
  await meter.measure();
  await Promise.all(slots);
}

export async function repeat(operation) {
  await runSlots(async () => {
    while (!meter.stopped) {
      const begun = meter.begin();
      await operation();
      meter.end(begun);
    }
  });
}

const detectionOf = (number) => ({
  camera_id: number,
  timestamp: '2024-01-01T12:00:00',
  objects: ['person', 'car'],
});

/** The workloads that every client can do: `redis` has get, set, incr, mget, rpush and lpop that return promises. */
export function commonWorkloads(redis) {
  return {
    get: () => repeat(async () => check((await redis.get('bench:key')).length === task.size)),
    set: () => repeat(async () => check((await redis.set('bench:key', value)) === 'OK')),
    incr: () => repeat(async () => check((await redis.incr('bench:counter')) > 0)),
    mget: () => repeat(async () => check((await redis.mget(mgetKeys)).length === 100)),
    mix: () =>
      repeat(async () => {
        const key = mixKeys[Math.floor(Math.random() * mixKeys.length)];
        if (Math.random() < 0.2) await redis.set(key, value);
        else check((await redis.get(key)).length === task.size);
      }),
    'pairs-lpop': () =>
      runSlots(async (number) => {
        while (!meter.stopped) {
          const begun = meter.begin();
          await redis.rpush('bench:queue', JSON.stringify(detectionOf(number)));
          check(JSON.parse(await redis.lpop('bench:queue')).objects.length === 2);
          meter.end(begun);
        }
      }),
    struct: () =>
      runSlots(async (number) => {
        const key = `bench:camera:${number}`;
        while (!meter.stopped) {
          const begun = meter.begin();
          await redis.set(key, JSON.stringify(detectionOf(number)));
          check(JSON.parse(await redis.get(key)).camera_id === number);
          meter.end(begun);
        }
      }),
  };
}

/**
 * Publishing, as the worker of Redstart does it: the next message is published when the last listener has one.
 * `subscribe(listener)` adds one listener; `publish(text)` returns a promise.
 */
export async function fanOut(subscribe, publish) {
  const flights = Array.from({ length: task.inFlight }, () => ({ toCome: 0, begun: 0 }));
  const send = (number) => {
    flights[number].toCome = task.size;
    flights[number].begun = meter.begin();
    return publish(String(number).padEnd(64));
  };
  for (let i = 0; i < task.size; ++i) {
    await subscribe((text) => {
      const flight = flights[+text];
      const last = --flight.toCome === 0;
      meter.end(last ? flight.begun : 0);
      if (last && !meter.stopped) send(+text);
    });
  }
  await Promise.all(flights.map((_, number) => send(number)));
  await meter.measure();
}

/** Runs the workload that is asked for, says what it gave, and ends the process. */
export async function run(workloads) {
  const workload = workloads[task.kind];
  if (!workload) throw new Error(`no workload '${task.kind}'`);
  await workload();
  meter.print();
  process.exit(0);
}
