# SPDX-License-Identifier: MIT
"""The queue of detections: producers add, a consumer takes them out and looks at the images.

`python3 -m backend.detections` adds three, and processes what is queued for a second.
"""

import asyncio
import contextlib

from backend.core.redis import RedisClient


async def run_object_detection(detection: dict) -> None:
    print(f"camera {detection['camera_id']}: looking at {detection['image_path']}")


# [process_detections
async def process_detections(redis: RedisClient) -> None:
    """Until it is cancelled. A wait that is cancelled takes nothing: no detection is lost with it."""
    while True:
        detection = await redis.get_from_queue("detections", timeout=30)
        if detection:
            await run_object_detection(detection)
# ]


async def main():
    redis = RedisClient()
    await redis.connect()
    for camera_id in (1, 2, 3):
        await redis.add_to_queue("detections", {
            "camera_id": camera_id,
            "image_path": "/data/image.jpg",
            "timestamp": "2024-01-01T12:00:00"
        })

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(process_detections(redis), timeout=1)
    await redis.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
