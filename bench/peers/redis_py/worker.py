#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""redis-py with asyncio and the parser of hiredis: what the specification was written with. One task for each operation
in flight, on the connection pool that comes with the client. KIND `pipeline-get` and its like send as many commands as
there are operations in flight in one pipeline instead, which is what redis-py recommends for throughput."""

import asyncio
import json
import random
import resource
import sys
import time
from pathlib import Path

import redis.asyncio

MGET_KEYS = [f"bench:key:{i}" for i in range(100)]
MIX_KEYS = [f"bench:key:{i}" for i in range(100_000)]


def memory_kib(field):
    return int(Path("/proc/self/status").read_text().split(field)[1].split()[0])


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def check(right):
    if not right:
        sys.exit("a wrong answer")


class Meter:
    """Counts operations, takes the time of one in 17, as bench/worker/load.hpp does."""

    def __init__(self, in_flight):
        self.stopped = False
        self._stride = 1 if in_flight < 16 else 17
        self._since_timed = 0
        self._done = 0
        self._times = []
        self._open = False

    def begin(self):
        self._since_timed += 1
        if self._since_timed < self._stride:
            return 0
        self._since_timed = 0
        return time.perf_counter()

    def end(self, begun, count=1):
        self._done += count
        if begun and self._open:
            self._times.append(time.perf_counter() - begun)

    def open(self):
        self._open = True
        self._done = 0
        self._cpu = cpu_seconds()
        self._began = time.perf_counter()

    def close(self):
        self._seconds = time.perf_counter() - self._began
        self._cpu = cpu_seconds() - self._cpu
        self._operations = self._done
        self._open = False
        self.stopped = True
        self._peak = memory_kib("VmHWM:")

    def print(self, notes=None):
        times = sorted(self._times) or [0]

        def percentile(part):
            return round(times[min(int(part * len(times)), len(times) - 1)] * 1e6, 1)

        result = {"operations": self._operations, "seconds": self._seconds, "cpu_seconds": self._cpu}
        result |= {"p50_us": percentile(0.5), "p99_us": percentile(0.99), "p999_us": percentile(0.999)}
        print(json.dumps(result | {"peak_rss_kib": self._peak, "notes": notes or {}}))


async def run_slots(meter, in_flight, seconds, slot):
    tasks = [asyncio.create_task(slot(number)) for number in range(in_flight)]
    await asyncio.sleep(max(0.3, 0.3 * seconds))
    meter.open()
    await asyncio.sleep(seconds)
    meter.close()
    await asyncio.gather(*tasks)


def repeat(meter, operation):
    async def slot(_):
        while not meter.stopped:
            begun = meter.begin()
            await operation()
            meter.end(begun)

    return slot


def operations(client, size):
    """The operations that are the same in every slot, by kind."""
    value = b"x" * size

    async def get():
        check(len(await client.get("bench:key")) == size)

    async def put():
        check(await client.set("bench:key", value))

    async def incr():
        check(await client.incr("bench:counter") > 0)

    async def mget():
        check(len(await client.mget(MGET_KEYS)) == 100)

    async def mix():
        key = MIX_KEYS[int(random.random() * 100_000)]
        if random.random() < 0.2:
            await client.set(key, value)
        else:
            check(len(await client.get(key)) == size)

    return {"get": get, "set": put, "incr": incr, "mget": mget, "mix": mix}


def pipelines(meter, client, kind, in_flight, size):
    """One slot that sends whole batches."""
    value = b"x" * size
    add = {
        "get": lambda batch: batch.get("bench:key"),
        "set": lambda batch: batch.set("bench:key", value),
        "incr": lambda batch: batch.incr("bench:counter"),
    }[kind]

    async def slot(_):
        while not meter.stopped:
            begun = time.perf_counter()
            batch = client.pipeline(transaction=False)
            for _ in range(in_flight):
                add(batch)
            answers = await batch.execute()
            check(len(answers) == in_flight and answers[-1])
            meter.end(begun, in_flight)

    return slot


def queue_pairs(meter, client, waits):
    async def slot(number):
        detection = {"camera_id": number, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]}
        while not meter.stopped:
            begun = meter.begin()
            await client.rpush("bench:queue", json.dumps(detection))
            if waits:
                _, taken = await client.blpop("bench:queue", timeout=5)
            else:
                taken = await client.lpop("bench:queue")
            check(len(json.loads(taken)["objects"]) == 2)
            meter.end(begun)

    return slot


def structs(meter, client):
    async def slot(number):
        key = f"bench:camera:{number}"
        detection = {"camera_id": number, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]}
        while not meter.stopped:
            begun = meter.begin()
            await client.set(key, json.dumps(detection))
            check(json.loads(await client.get(key))["camera_id"] == number)
            meter.end(begun)

    return slot


async def run_publish(meter, client, in_flight, subscriptions, seconds):
    """As the worker of Redstart: the next message is published when the last subscription has one."""
    to_come, began = [0] * in_flight, [0.0] * in_flight
    published = set()

    def publish(number):
        to_come[number], began[number] = subscriptions, meter.begin()
        task = asyncio.create_task(client.publish("bench:channel", str(number).ljust(64)))
        published.add(task)
        task.add_done_callback(published.discard)

    async def listen(pubsub):
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            number = int(message["data"])
            to_come[number] -= 1
            last = to_come[number] == 0
            meter.end(began[number] if last else 0)
            if last and not meter.stopped:
                publish(number)

    listeners = []
    for _ in range(subscriptions):
        pubsub = client.pubsub()
        await pubsub.subscribe("bench:channel")
        listeners.append(asyncio.create_task(listen(pubsub)))
    await asyncio.sleep(0.1)
    for number in range(in_flight):
        publish(number)
    await asyncio.sleep(max(0.3, 0.3 * seconds))
    meter.open()
    await asyncio.sleep(seconds)
    meter.close()
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, *published, return_exceptions=True)


async def run_consumers(meter, client, count, size):
    before = memory_kib("VmRSS:")
    pushed = 0.0

    async def consume():
        check(await client.blpop("bench:queue", timeout=60))
        meter.end(pushed)

    tasks = [asyncio.create_task(consume()) for _ in range(count)]
    while int((await client.info("clients"))["blocked_clients"]) < count:
        await asyncio.sleep(0.1)
    waiting = memory_kib("VmRSS:")
    meter.open()
    pushed = time.perf_counter()
    await client.rpush("bench:queue", *[b"x" * size] * count)
    await asyncio.gather(*tasks)
    meter.close()
    return {"bytes_each": (waiting - before) * 1024 / count}


async def main():
    host, port, kind, in_flight, size, seconds, _ = sys.argv[1:]
    in_flight, size, seconds = int(in_flight), int(size), float(seconds)
    client = redis.asyncio.Redis(host=host, port=int(port))
    meter = Meter(in_flight)
    notes = None
    if kind == "publish":
        await run_publish(meter, client, in_flight, size, seconds)
    elif kind == "consumers":
        notes = await run_consumers(meter, client, in_flight, size)
    elif kind.startswith("pipeline-"):
        slot = pipelines(meter, client, kind.removeprefix("pipeline-"), in_flight, size)
        await run_slots(meter, 1, seconds, slot)
    elif kind in ("pairs", "pairs-lpop"):
        await run_slots(meter, in_flight, seconds, queue_pairs(meter, client, kind == "pairs"))
    elif kind == "struct":
        await run_slots(meter, in_flight, seconds, structs(meter, client))
    else:
        await run_slots(meter, in_flight, seconds, repeat(meter, operations(client, size)[kind]))
    meter.print(notes)
    await client.connection_pool.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
