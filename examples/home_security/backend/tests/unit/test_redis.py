# SPDX-License-Identifier: MIT
"""How an application tests its use of Redis: with another client in its place, and with a real server when REDIS_URL
names one for tests: what is written there is removed."""

import os
import uuid

import pytest
from fastapi.testclient import TestClient

REAL = "REDIS_URL" in os.environ  # asked before backend.core.config gives it a default

from backend.core.redis import get_redis  # noqa: E402
from backend.main import app  # noqa: E402


class FakeRedis:
    def __init__(self):
        self.queued = []

    async def add_to_queue(self, queue, value):
        self.queued.append((queue, value))
        return len(self.queued)


@pytest.fixture
def fake():
    fake = FakeRedis()
    app.dependency_overrides[get_redis] = lambda: fake
    yield fake
    app.dependency_overrides.clear()


def test_an_event_is_queued(fake):
    event = {"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person"]}
    answer = TestClient(app).post("/events", json=event)
    assert answer.json() == {"status": "queued"}
    assert fake.queued == [("events_queue", event)]


@pytest.mark.skipif(not REAL, reason="REDIS_URL is not set")
def test_a_status_is_kept_in_redis():
    camera = uuid.uuid4().int % 10**9
    with TestClient(app) as http:
        assert http.get(f"/cameras/{camera}/status").status_code == 404
        assert http.put(f"/cameras/{camera}/status", json={"online": True, "fps": 30}).status_code == 204
        assert http.get(f"/cameras/{camera}/status").json() == {"online": True, "fps": 30}
        http.portal.call(remove, f"camera:{camera}:status")


async def remove(key):
    await (await get_redis()).delete(key)
