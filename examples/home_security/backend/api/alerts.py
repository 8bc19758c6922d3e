# SPDX-License-Identifier: MIT
"""Alerts: published once, seen on every screen.

`python3 -m backend.api.alerts` publishes one and listens to it, without a web server.
"""

import asyncio

from fastapi import APIRouter, Depends, WebSocket
from pydantic import BaseModel

from backend.core.redis import RedisClient, get_redis
from redstart.fastapi import Broadcaster

router = APIRouter()
CHANNEL = "events"


class Alert(BaseModel):
    type: str = "risk_alert"
    risk_score: int
    camera_id: int
    message: str


@router.post("/alerts")
async def raise_alert(alert: Alert, redis: RedisClient = Depends(get_redis)):
    return {"screens": await redis.publish(CHANNEL, alert.dict())}


# [broadcaster
events = Broadcaster("events")  # one subscription, however many sockets


@router.websocket("/ws")
async def live(socket: WebSocket):
    await events.serve(socket)
# ]


async def main():
    redis = RedisClient()
    await redis.connect()
    pubsub = await redis.subscribe(CHANNEL)

    # Publish event to all connected WebSocket clients
    await redis.publish("events", {
        "type": "risk_alert",
        "risk_score": 85,
        "camera_id": 1,
        "message": "Suspicious activity detected"
    })

    async for message in redis.listen(pubsub):
        print(f"Received: {message['data']} on {message['channel']}")
        break
    await redis.unsubscribe(CHANNEL)
    await redis.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
