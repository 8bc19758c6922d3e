# SPDX-License-Identifier: MIT
"""Exceptions: what they are to Python, and to those who know redis-py's. Both clients read what the other wrote."""

import asyncio
import json
import subprocess
import sys

import pytest

import redstart


def test_exceptions_are_pythons_own_too():
    assert issubclass(redstart.ConnectionError, ConnectionError)
    assert issubclass(redstart.TimeoutError, TimeoutError) and issubclass(redstart.TimeoutError, asyncio.TimeoutError)
    assert issubclass(redstart.NotConnected, RuntimeError)
    for name in redstart.__all__:
        one = getattr(redstart, name)
        if isinstance(one, type) and issubclass(one, BaseException):
            assert issubclass(one, redstart.RedstartError) and not one("x").maybe_applied


def test_redis_py_is_never_imported_and_joined_when_it_is(url):
    pytest.importorskip("redis")
    text = """
import asyncio, sys
import redstart
assert "redis" not in sys.modules
async def main():
    redis = redstart.RedisClient("redis://127.0.0.1:1/0", connect_attempts=1)
    try:
        await redis.connect()
    except redstart.ConnectionError:
        pass
    assert "redis" not in sys.modules
    from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
    for _ in range(2):
        try:
            await redis.connect()
        except ConnectionError as e:
            assert isinstance(e, OSError)
        else:
            sys.exit("not caught")
    assert issubclass(redstart.TimeoutError, TimeoutError) and issubclass(redstart.NotConnected, RedisError)
    redis = redstart.RedisClient(sys.argv[1])
    await redis.connect()
    try:
        await redis.execute_command("NOSUCH")
    except ResponseError as e:
        assert e.code == "ERR"
    else:
        sys.exit("not caught")
    await redis.disconnect()
asyncio.run(main())
"""
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", text, url], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_what_one_client_writes_the_other_reads(redis_test, url):
    theirs = pytest.importorskip("redis")
    other = theirs.Redis.from_url(url)
    value = {"camera_id": 1, "objects": ["person", "größer"], "at": 1.5, "none": None}

    async def body(redis):
        await redis.set("test:k", value)
        assert json.loads(other.get("test:k")) == value
        other.set("test:k", json.dumps(value))
        assert await redis.get("test:k") == value
        await redis.add_to_queue("test:q", "text")
        await redis.add_to_queue("test:q", value)
        assert (other.lpop("test:q"), json.loads(other.lpop("test:q"))) == (b"text", value)
        other.rpush("test:q", "text", json.dumps(value), b"\xff")
        assert await redis.get_batch_from_queue("test:q", 3) == ["text", value, b"\xff"]
        pubsub = await redis.subscribe("test:channel")
        other.publish("test:channel", json.dumps(value))
        assert (await pubsub.get_message(5))["data"] == value
        listener = other.pubsub(ignore_subscribe_messages=True)
        listener.subscribe("test:channel")
        while not await redis.publish("test:channel", value) == 2:
            await asyncio.sleep(0.01)
        while (message := listener.get_message(timeout=5)) is None:
            pass
        assert json.loads(message["data"]) == value
        listener.close()

    redis_test(body)
    other.close()
