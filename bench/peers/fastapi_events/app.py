#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The events route of the hub as FastAPI, uvicorn and redis-py do it: what bench/hub/events_rate.py measures the hub
against.

With `--client redstart` the same application has the client of the package `redstart` in the place of redis-py.

It is written as one would write it in production, with everything on that makes this stack fast: uvloop, httptools,
the hiredis parser, one connection pool, asynchronous dependencies (others would go through a thread pool), no access
log.

Needs python3-fastapi, python3-uvicorn, python3-redis, python3-hiredis, python3-uvloop and python3-httptools.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import List, Union

import redis.asyncio
import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel
from uvicorn.supervisors import Multiprocess

QUEUE = "detections"
URL_VARIABLE = "REDIS_URL"
CLIENT_VARIABLE = "BENCH_CLIENT"


class Event(BaseModel):
    camera_id: Union[int, str]
    timestamp: str
    objects: List[str] = []

    class Config:
        extra = "allow"
        smart_union = True  # camera "1" stays a string


class RedisClient:
    """The part of the specification's client that the route uses."""

    def __init__(self, url: str):
        self._redis = redis.asyncio.Redis.from_url(url)

    async def connect(self):
        await self._redis.ping()

    async def disconnect(self):
        await self._redis.close()
        await self._redis.connection_pool.disconnect()

    async def add_to_queue(self, queue: str, value) -> int:
        return await self._redis.rpush(queue, json.dumps(value, separators=(",", ":")))

    async def health_check(self) -> dict:
        info = await self._redis.info("server")
        return {"status": "healthy", "connected": True, "redis_version": info["redis_version"]}


if os.environ.get(CLIENT_VARIABLE) == "redstart":
    from redstart import RedisClient  # noqa: F811

router = APIRouter()
client: RedisClient


async def get_redis() -> RedisClient:
    return client


@router.post("/events")
async def create_event(event: Event, redis: RedisClient = Depends(get_redis)):
    length = await redis.add_to_queue(QUEUE, event.dict())
    return {"status": "queued", "queue_length": length}


@router.get("/health")
async def health(redis: RedisClient = Depends(get_redis)):
    return await redis.health_check()


app = FastAPI()
app.include_router(router)


@app.on_event("startup")
async def startup():
    global client
    client = RedisClient(os.environ[URL_VARIABLE])
    await client.connect()


@app.on_event("shutdown")
async def shutdown():
    await client.disconnect()


def main():
    parser = argparse.ArgumentParser(description="POST /events with FastAPI, uvicorn and redis-py")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port; port 0 takes a free one")
    parser.add_argument("--redis", default="redis://localhost:6379/0", help="redis:// or unix:// URL")
    parser.add_argument("--client", choices=("redis-py", "redstart"), default="redis-py")
    parser.add_argument("--processes", type=int, default=1, help="how many processes serve (default 1)")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    os.environ[URL_VARIABLE] = arguments.redis  # the processes inherit it
    os.environ[CLIENT_VARIABLE] = arguments.client

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    config = uvicorn.Config(
        "app:app",
        host=host,
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        workers=arguments.processes,
        log_level="warning",
        access_log=False,
    )
    listener = config.bind_socket()
    listener.listen(1024)  # who connects before the processes accept has to wait, not to try again
    print(f"listening on http://{host}:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(config)
    if arguments.processes > 1:
        Multiprocess(config, target=server.run, sockets=[listener]).run()
    else:
        server.run(sockets=[listener])


if __name__ == "__main__":
    main()
