# SPDX-License-Identifier: MIT
"""The same by redis-py and by redstart, for docs/from_redis_py.md. What either writes the other reads."""

import asyncio
import json
import os

import redis.asyncio

import redstart

URL = os.environ["REDIS_URL"]


async def with_redis_py():
    # [redis_py
    client = redis.asyncio.Redis.from_url(URL)
    await client.set("camera:1:status", json.dumps({"online": True}), ex=300)
    status = await client.get("camera:1:status")
    status = json.loads(status) if status else None

    await client.rpush("detections", json.dumps({"camera_id": 1}))
    popped = await client.blpop("detections", timeout=5)
    item = json.loads(popped[1]) if popped else None
    # ]
    await client.close()
    return status, item


async def with_redstart():
    # [redstart
    client = redstart.RedisClient(URL)
    await client.connect()
    await client.set("camera:1:status", {"online": True}, expire=300)
    status = await client.get("camera:1:status")

    await client.add_to_queue("detections", {"camera_id": 1})
    item = await client.get_from_queue("detections", timeout=5)
    # ]
    await client.disconnect()
    return status, item


async def errors():
    # [errors
    from redis.exceptions import ConnectionError

    client = redstart.RedisClient("redis://127.0.0.1:1", connect_attempts=2)
    try:
        await client.connect()
    except ConnectionError:
        print("Failed to connect to Redis after retries")
    # ]


async def main():
    assert await with_redis_py() == await with_redstart() == ({"online": True}, {"camera_id": 1})
    await errors()

    # Crosswise.
    theirs, ours = redis.asyncio.Redis.from_url(URL), redstart.RedisClient(URL)
    await ours.connect()
    await theirs.rpush("queue", json.dumps({"by": "redis-py"}))
    assert await ours.get_from_queue("queue") == {"by": "redis-py"}
    await ours.add_to_queue("queue", {"by": "redstart", "é": [1, 2.5, None]})
    assert json.loads(await theirs.lpop("queue")) == {"by": "redstart", "é": [1, 2.5, None]}
    await ours.delete("camera:1:status")
    await theirs.close()
    await ours.disconnect()


asyncio.run(main())
