# SPDX-License-Identifier: MIT
"""The Python program of the README."""

# [quickstart
import asyncio
import os

from redstart import RedisClient


async def program():
    redis = RedisClient(os.environ.get("REDIS_URL", "embedded:"))  # a private redis-server, gone with this program
    await redis.connect()

    await redis.add_to_queue("detections", {"camera_id": 1, "objects": ["person", "car"]})
    detection = await redis.get_from_queue("detections", timeout=5)
    print(f"camera {detection['camera_id']} saw a {detection['objects'][0]}")

    await redis.disconnect()


asyncio.run(program())
# ]
