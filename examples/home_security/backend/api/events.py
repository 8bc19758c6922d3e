# SPDX-License-Identifier: MIT
"""What cameras report: queued for whoever processes it."""

from typing import List

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from backend.core.redis import RedisClient, get_redis

router = APIRouter()
QUEUE = "events_queue"


class Event(BaseModel):
    camera_id: int
    timestamp: str
    objects: List[str] = []


# [create_event
@router.post("/events")
async def create_event(event: Event, redis: RedisClient = Depends(get_redis)):
    # Add event to processing queue
    await redis.add_to_queue("events_queue", event.dict())
    return {"status": "queued"}
# ]


@router.get("/events")
async def waiting_events(redis: RedisClient = Depends(get_redis)):
    items = await redis.peek_queue(QUEUE, start=0, end=9)  # First 10 items
    return {"length": await redis.get_queue_length(QUEUE), "items": items}
