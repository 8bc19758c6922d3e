#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Python package `redstart`, as the worker of redis-py beside it: one task for each operation in flight. Values of
queues and of `struct` are dicts on both sides; here the package makes JSON of them, there the worker does."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers/redis_py"))

from worker import Meter, check, operations, repeat, run_slots  # noqa: E402

from redstart import RedisClient  # noqa: E402


def detection(number):
    return {"camera_id": number, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]}


def queue_pairs(meter, client, timeout):
    async def slot(number):
        seen = detection(number)
        while not meter.stopped:
            begun = meter.begin()
            await client.add_to_queue("bench:queue", seen)
            taken = await client.get_from_queue("bench:queue", timeout=timeout)
            check(len(taken["objects"]) == 2)
            meter.end(begun)

    return slot


def structs(meter, client):
    async def slot(number):
        key, seen = f"bench:camera:{number}", detection(number)
        while not meter.stopped:
            begun = meter.begin()
            await client.set(key, seen)
            check((await client.get(key))["camera_id"] == number)
            meter.end(begun)

    return slot


async def main():
    host, port, kind, in_flight, size, seconds, _ = sys.argv[1:]
    client = RedisClient(f"redis://{host}:{port}")
    await client.connect()
    meter = Meter(int(in_flight))
    if kind in ("pairs", "pairs-lpop"):
        slot = queue_pairs(meter, client, 5 if kind == "pairs" else 0)
    elif kind == "struct":
        slot = structs(meter, client)
    else:
        slot = repeat(meter, operations(client, int(size))[kind])
    await run_slots(meter, int(in_flight), float(seconds), slot)
    meter.print()
    await client.disconnect()


asyncio.run(main())
