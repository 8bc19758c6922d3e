# SPDX-License-Identifier: MIT
"""The backend: `uvicorn backend.main:app`, from the folder above this one."""

import asyncio
import contextlib

from fastapi import FastAPI

import redstart.fastapi
from backend import detections
from backend.api import alerts, cameras, events
from backend.core.redis import get_redis_optional


@contextlib.asynccontextmanager
async def lifespan(app):
    """The consumer of the detections, beside the handlers. Redis is there before it and goes after it."""
    consumer = asyncio.create_task(consume_detections())
    yield
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)


async def consume_detections():
    while True:
        with contextlib.suppress(redstart.ConnectionError):
            if redis := await get_redis_optional():
                await detections.process_detections(redis)
        await asyncio.sleep(1)  # Redis is away, and with it the detections


# [install
app = FastAPI(title="Home security")
app.router.lifespan_context = lifespan
redstart.fastapi.install(app)  # connects, closes, GET /health, 503 while Redis is away
# ]
for module in (events, alerts, cameras):
    app.include_router(module.router)
