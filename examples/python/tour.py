# SPDX-License-Identifier: MIT
"""What docs/python.md shows, one function a chapter; each checks that it happened."""

import asyncio
import builtins
import dataclasses
import os

import redstart
from redstart import RedisClient


async def values(redis):
    # [values
    @dataclasses.dataclass
    class Status:
        online: bool
        fps: int

    await redis.set("camera:1:status", Status(online=True, fps=30), expire=300)
    assert await redis.get("camera:1:status") == {"online": True, "fps": 30}

    await redis.set("note", "a text stays as it is")
    assert await redis.get("note") == "a text stays as it is"

    try:
        await redis.set("note", object())
    except TypeError:  # and nothing was sent
        assert await redis.get("note") == "a text stays as it is"
    # ]
    await redis.delete("camera:1:status", "note")


async def queues(redis):
    # [queues
    await redis.add_to_queue("detections", {"camera_id": 1})  # returns the new length
    item = await redis.get_from_queue("detections", timeout=5)  # waits up to 5 s; None when nothing came
    nothing = await redis.get_from_queue("detections", timeout=0)  # does not wait
    # ]
    assert item == {"camera_id": 1} and nothing is None


async def pubsub(redis):
    # [pubsub
    pubsub = await redis.subscribe("camera_events", "system_alerts")
    await redis.publish("camera_events", {"type": "motion_detected", "camera_id": 1})
    async for message in redis.listen(pubsub):
        print(f"Received: {message['data']} on {message['channel']}")
        break
    pubsub.close()  # this subscription; unsubscribe("camera_events") takes the channel from all
    # ]


async def gaps(redis):
    async def publish():
        await redis.publish("camera_events", {"type": "motion_detected", "camera_id": 1})

    seen = []
    # [gaps
    pubsub = await redis.subscribe("camera_events", max_messages=1000, when_full="drop_oldest")
    asyncio.create_task(publish())
    async for message in redis.listen(pubsub, gaps=True):
        if message["type"] == "gap":
            print(f"Redis was away for {message['outage']} s: messages may be missing")
        elif message["type"] == "overflow":
            print(f"{message['dropped']} messages were dropped: this loop is too slow")
        else:
            seen.append(message["data"])
            break
    # ]
    pubsub.close()
    assert seen == [{"type": "motion_detected", "camera_id": 1}]


async def watching(redis):
    await redis.set("tickets", 3)
    # [watching
    async with redis.session() as own:  # a connection of one's own until the end of the block
        while True:
            await own.execute_command("WATCH", "tickets")
            left = int(await own.execute_command("GET", "tickets"))
            if await own.transaction().add("SET", "tickets", left - 1) is not None:
                break  # None: somebody else changed it meanwhile, and nothing ran
    # ]
    assert await redis.get("tickets") == 2
    await redis.delete("tickets")


async def cancelling(redis):
    # [cancelling
    waiting = asyncio.create_task(redis.get_from_queue("detections", timeout=30))
    await asyncio.sleep(0.1)
    waiting.cancel()  # ends at once, and takes nothing
    await redis.add_to_queue("detections", {"camera_id": 2})
    assert await redis.get_queue_length("detections") == 1

    async with asyncio.timeout(1):
        await redis.get("camera:2:status")  # the next reply is right, whether this one came or not
    # ]
    await redis.clear_queue("detections")


async def errors(redis):
    # [errors
    client = RedisClient("redis://127.0.0.1:1", connect_attempts=2)
    try:
        await client.connect()
    except ConnectionError as error:  # redstart.ConnectionError is one
        print(f"after all retries: {error}")

    try:
        await client.get("key")
    except RuntimeError as error:  # redstart.NotConnected is one
        print(error)

    try:
        await redis.add_to_queue("detections", {"camera_id": 1})
    except redstart.RedstartError as error:
        # True: Redis may have it, nobody on this side can know. False: it can be done again.
        print(error.maybe_applied)
    # ]
    assert issubclass(redstart.ConnectionError, builtins.ConnectionError)
    await redis.clear_queue("detections")


async def main():
    redis = RedisClient(os.environ.get("REDIS_URL", "embedded:"))
    await redis.connect()
    for chapter in (values, queues, pubsub, gaps, watching, cancelling, errors):
        await asyncio.wait_for(chapter(redis), 20)
    await redis.disconnect()


asyncio.run(main())
