# SPDX-License-Identifier: MIT
"""The status of cameras: kept for five minutes, so that a camera that falls silent vanishes by itself.

`python3 -m backend.api.cameras` keeps one and reads it, without a web server.
"""

import asyncio

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel

from backend.core.redis import RedisClient, get_redis

router = APIRouter()


class Status(BaseModel):
    online: bool
    fps: int


async def keep_status(redis: RedisClient, camera_id: int, status: dict):
    # Cache camera status for 5 minutes
    await redis.set(f"camera:{camera_id}:status", status, expire=300)


@router.put("/cameras/{camera_id}/status", status_code=204)
async def put_status(camera_id: int, status: Status, redis: RedisClient = Depends(get_redis)):
    await keep_status(redis, camera_id, status.dict())


@router.get("/cameras/{camera_id}/status")
async def get_status(camera_id: int, redis: RedisClient = Depends(get_redis)):
    status = await redis.get(f"camera:{camera_id}:status")
    if status is None:
        raise HTTPException(404, "nothing was heard of this camera for five minutes")
    return status


async def main():
    redis = RedisClient()
    await redis.connect()
    await keep_status(redis, 1, {"online": True, "fps": 30})
    print("camera 1:", await redis.get("camera:1:status"))
    print("camera 2:", await redis.get("camera:2:status"))
    await redis.delete("camera:1:status")
    await redis.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
