# SPDX-License-Identifier: MIT
"""Every Python block of the specification, run as it is printed against a real server.

The specification is the file that REDSTART_SPECIFICATION names, or ../shared/seed.md beside the repository. Each block
runs in the surroundings that its text takes for granted, such as a connected `redis`, and must do in Redis what it
says. A block that no test here knows fails.
"""

import ast
import asyncio
import inspect
import logging
import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from web_support import HOME_SECURITY, ROOT, connections, run, server, subscriptions, until_async  # noqa: E402, F401

import redstart  # noqa: E402
import redstart.fastapi  # noqa: E402

SPECIFICATION = Path(os.environ.get("REDSTART_SPECIFICATION", ROOT.parent / "shared/seed.md"))
if not SPECIFICATION.is_file():
    pytest.skip(f"the specification is not at {SPECIFICATION}", allow_module_level=True)


def blocks():
    """{heading: the text of its Python block}"""
    found, heading, inside = {}, None, None
    for line in SPECIFICATION.read_text(encoding="utf-8").splitlines():
        if inside is None and line.startswith("#"):
            heading = line.lstrip("# ")
        elif inside is None and line == "```python":
            inside = []
        elif inside is not None and line == "```":
            assert heading not in found, f"two blocks under {heading}"
            found[heading], inside = "\n".join(inside), None
        elif inside is not None:
            inside.append(line)
    return found


BLOCKS = blocks()
TESTS = {}


def of(heading):
    def register(test):
        TESTS[heading] = test
        return test

    return register


async def execute(heading, **surroundings):
    """Runs a block, unchanged; returns the names that it leaves."""
    code = compile(BLOCKS[heading], f"<{heading}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {"__name__": "__main__", **surroundings}
    result = eval(code, names)  # noqa: S307
    if inspect.isawaitable(result):
        await result
    return names


async def with_client(server, heading, **surroundings):
    """Runs a block that uses `redis`."""
    async with connected(server) as redis:
        return await execute(heading, redis=redis, **surroundings)


class connected:
    def __init__(self, server):
        self._redis = redstart.RedisClient(server.url)

    async def __aenter__(self):
        await self._redis.connect()
        return self._redis

    async def __aexit__(self, *_):
        await self._redis.disconnect()


def as_stored(server, key):
    return [item.decode() for item in server.command("LRANGE", key, 0, -1)]


@pytest.fixture(autouse=True)
def surroundings(server, monkeypatch):  # noqa: F811
    """The application's folder, its variable, and no client of another test."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.syspath_prepend(str(HOME_SECURITY))
    yield
    asyncio.run(redstart.fastapi.close_redis())
    for name in [name for name in sys.modules if name.split(".")[0] == "backend"]:
        del sys.modules[name]


@pytest.mark.parametrize("heading", BLOCKS)
def test_block_runs_as_printed(heading, server):  # noqa: F811
    assert heading in TESTS, f"no test knows the block under '{heading}'"
    run(TESTS[heading](server))


def test_every_block_was_found():
    assert len(BLOCKS) == SPECIFICATION.read_text(encoding="utf-8").count("```python")
    assert set(TESTS) == set(BLOCKS)


@of("Configuration")
async def configuration(server):
    from backend.core import config

    names = await execute("Configuration")
    assert config.Settings.redis_url == names["redis_url"]
    assert BLOCKS["Configuration"] in inspect.getsource(config.Settings)
    assert config.settings.redis_url == server.url, "REDIS_URL is followed"


@of("Basic Connection")
async def basic_connection(server):
    assert connections(server) == 0
    names = await execute("Basic Connection")
    with pytest.raises(RuntimeError):
        await names["client"].get("key")  # it was disconnected by the block
    await until_async(lambda: connections(server) == 0, "the connections are closed")


@of("FastAPI Dependency Injection")
async def dependency_injection(server):
    class Event(BaseModel):
        camera_id: int
        type: str

    names = await execute("FastAPI Dependency Injection", Event=Event)
    app = FastAPI()
    app.include_router(names["router"])

    def ask():
        with TestClient(app) as http:
            return http.post("/events", json={"camera_id": 1, "type": "motion"})

    answer = await asyncio.to_thread(ask)
    assert (answer.status_code, answer.json()) == (200, {"status": "queued"})
    async with connected(server) as redis:
        assert await redis.get_from_queue("events_queue") == {"camera_id": 1, "type": "motion"}
        assert await redis.get_from_queue("events_queue") is None


@of("Application Startup/Shutdown")
async def startup_and_shutdown(server):
    names = await execute("Application Startup/Shutdown")

    def use():
        with TestClient(names["app"]):
            return connections(server)

    assert await asyncio.to_thread(use) > 0
    await until_async(lambda: connections(server) == 0, "the connections are closed")


@of("Add to Queue")
async def add_to_queue(server):
    await with_client(server, "Add to Queue")
    (detection,) = as_stored(server, "detections")
    wanted = {"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]}
    assert ast.literal_eval(detection) == wanted
    assert as_stored(server, "logs") == ["System started"], "a text stays as it is"


@of("Get from Queue")
async def get_from_queue(server):
    server.command("RPUSH", "detections", '{"camera_id":1}', '{"camera_id":2}')
    processed = []
    names = await with_client(server, "Get from Queue", process_detection=processed.append)
    assert processed == [{"camera_id": 1}]
    assert names["item"] == {"camera_id": 2}
    assert as_stored(server, "detections") == []


@of("Queue Management")
async def queue_management(server):
    server.command("RPUSH", "detections", *[f'{{"camera_id":{number}}}' for number in range(12)])
    names = await with_client(server, "Queue Management")
    assert names["length"] == 12
    assert names["items"] == [{"camera_id": number} for number in range(10)]
    assert server.command("EXISTS", "detections") == 0


@of("Publishing Messages")
async def publishing(server):
    async with connected(server) as listener:
        pubsub = await listener.subscribe("camera_events")
        await with_client(server, "Publishing Messages")
        message = await anext(aiter(listener.listen(pubsub)))
    assert message["data"] == {"type": "motion_detected", "camera_id": 1, "timestamp": "2024-01-01T12:00:00"}
    assert (message["type"], message["channel"]) == ("message", "camera_events")


@of("Subscribing to Channels")
async def subscribing(server):
    printed = []
    async with connected(server) as redis:
        block = asyncio.create_task(execute("Subscribing to Channels", redis=redis, print=printed.append))
        for channel in ("camera_events", "system_alerts"):
            await until_async(lambda: subscriptions(server, channel) == 1, f"{channel} is subscribed to")
        server.command("PUBLISH", "camera_events", '{"camera_id":1}')
        server.command("PUBLISH", "system_alerts", "disk full")
        await until_async(lambda: len(printed) == 2, "both messages are printed")
        assert printed == ["Received: {'camera_id': 1} on camera_events", "Received: disk full on system_alerts"]

        # The block listens for ever: its last line is reached when somebody takes the other channel away, too.
        assert not block.done()
        await redis.unsubscribe("camera_events", "system_alerts")
        await block
        assert subscriptions(server, "camera_events") == 0


@of("Basic Cache")
async def basic_cache(server):
    names = await with_client(server, "Basic Cache")
    assert names["status"] == {"online": True}
    assert names["exists"]
    assert server.command("EXISTS", "camera:1:status") == 0
    # What the block deletes it had stored with an expiry: its first statement alone shows that.
    statement = BLOCKS["Basic Cache"].split("\n\n")[0]
    BLOCKS["first statement"] = statement
    await with_client(server, "first statement")
    del BLOCKS["first statement"]
    assert 290 < server.command("TTL", "camera:1:status") <= 300
    assert ast.literal_eval(server.command("GET", "camera:1:status").decode().replace("true", "True")) == {"online": True}


@of("Health Checks")
async def health_checks(server):
    health = (await with_client(server, "Health Checks"))["health"]
    # The block says in a comment what it returns: these names, and a version of Redis.
    said = dict(re.findall(r'#     "(\w+)": (.+?),?$', BLOCKS["Health Checks"], re.M))
    assert said.keys() <= health.keys()
    assert (health["status"], health["connected"]) == ("healthy", True)
    assert health["redis_version"] in server.command("INFO", "server").decode()


@of("Error Handling")
async def error_handling(server):
    pytest.importorskip("redis")
    client, said = redstart.RedisClient(server.url), []

    class Logger(logging.Logger):
        def error(self, text, *_, **__):
            said.append(text)

    await execute("Error Handling", client=client, logger=Logger("test"))
    assert not said and await client.exists("key") is not None, "connected"
    await client.disconnect()

    server.stop()
    await execute("Error Handling", client=client, logger=Logger("test"))
    assert said == ["Failed to connect to Redis after retries"]


@of("Detection Processing Queue")
async def detection_processing(server):
    processed = []

    async def run_object_detection(detection):
        processed.append(detection)

    async with connected(server) as redis:
        surroundings = {"redis": redis, "run_object_detection": run_object_detection}
        names = await execute("Detection Processing Queue", **surroundings)
        consumer = asyncio.create_task(names["process_detections"]())
        await until_async(lambda: processed, "the detection is processed")
        assert processed == [{"camera_id": 1, "image_path": "/data/image.jpg", "timestamp": "2024-01-01T12:00:00"}]

        # The consumer waits for more until it is cancelled, which takes nothing.
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
        await redis.add_to_queue("detections", "later")
        assert as_stored(server, "detections") == ["later"]


@of("Real-time Event Broadcasting")
async def broadcasting(server):
    async with connected(server) as listener:
        pubsub = await listener.subscribe("events")
        await with_client(server, "Real-time Event Broadcasting")
        message = await anext(aiter(listener.listen(pubsub)))
    assert message["data"]["risk_score"] == 85
    assert message["data"]["message"] == "Suspicious activity detected"


@of("Camera Status Cache")
async def camera_status(server):
    names = await with_client(server, "Camera Status Cache", camera_id=7)
    assert names["status"] == {"online": True, "fps": 30}
    assert 290 < server.command("TTL", "camera:7:status") <= 300
