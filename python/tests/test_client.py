# SPDX-License-Identifier: MIT
"""Every verb, as the specification and the documentation say; and what a verb returns, seen by asyncio."""

import asyncio
import datetime
import inspect
import math
import threading
import unittest.mock
import warnings

import pytest

import redstart
from redstart import RedisClient


def test_cache(redis_test):
    async def body(redis):
        assert await redis.set("test:a", {"online": True}, expire=300)
        assert await redis.get("test:a") == {"online": True}
        assert 299 < await redis.ttl("test:a") <= 300
        assert await redis.set("test:a", 1, keep_ttl=True)
        assert await redis.ttl("test:a") > 299
        assert not await redis.set("test:a", 2, if_absent=True)
        assert not await redis.set("test:b", 2, if_exists=True)
        assert await redis.set("test:a", 3, expire=datetime.timedelta(milliseconds=1500))
        assert 1 < await redis.ttl("test:a") <= 1.5
        assert await redis.set(b"test:a", 3)
        assert await redis.ttl("test:a") == math.inf
        assert await redis.expire("test:a", 0.5) is True
        assert await redis.expire("test:b", 1) is False
        assert await redis.ttl("test:b") is None
        assert await redis.exists("test:a", "test:a", "test:b") == 2
        assert await redis.delete("test:a", "test:b") == 1
        assert await redis.get("test:a") is None
        for bad in (dict(expire=1, keep_ttl=True), dict(expire=0), dict(if_absent=True, if_exists=True)):
            with pytest.raises(redstart.ConfigError):
                await redis.set("test:a", 1, **bad)
        with pytest.raises(TypeError):
            await redis.delete()

    redis_test(body)


def test_queues_are_first_in_first_out(redis_test):
    async def body(redis):
        assert [await redis.add_to_queue("test:q", n) for n in range(3)] == [1, 2, 3]
        assert await redis.add_all_to_queue("test:q", (n for n in range(3, 6))) == 6
        assert await redis.add_all_to_queue("test:q", []) == 6
        assert await redis.peek_queue("test:q", start=0, end=9) == [0, 1, 2, 3, 4, 5]
        assert await redis.peek_queue("test:q", -2) == [4, 5]
        assert await redis.get_from_queue("test:q", timeout=5) == 0
        assert await redis.get_batch_from_queue("test:q", 2) == [1, 2]
        assert await redis.get_queue_length("test:q") == 3
        assert await redis.clear_queue("test:q") is True
        assert await redis.clear_queue("test:q") is False
        assert await redis.get_from_queue("test:q", timeout=0) is None
        assert await redis.get_from_queue("test:q", timeout=0.05) is None
        assert await redis.get_batch_from_queue("test:q", 5, timeout=0.05) == []
        waiting = [asyncio.create_task(redis.get_from_queue("test:q", timeout=10)) for _ in range(3)]
        await asyncio.sleep(0.05)
        await redis.add_all_to_queue("test:q", ["a", "b", "c"])
        assert await asyncio.gather(*waiting) == ["a", "b", "c"]
        with pytest.raises(ValueError):
            await redis.get_from_queue("test:q", -1)

    redis_test(body)


def test_any_command_pipelines_and_transactions(redis_test):
    async def body(redis):
        assert await redis.execute_command("SET", "test:n", 5) == "OK"
        assert await redis.execute_command("GET", b"test:n") == "5", "never taken for JSON"
        assert await redis.execute_command("HSET", "test:h", "f", 1.5, "g", b"\xff") == 2
        assert await redis.execute_command("HGETALL", "test:h") == {"f": "1.5", "g": b"\xff"}
        one, error, length = await redis.pipeline().add("INCR", "test:n").add("LPUSH", "test:n", 1).add("STRLEN", "test:n")
        assert (one, length) == (6, 1)
        assert isinstance(error, redstart.ServerError) and error.code == "WRONGTYPE"
        assert await redis.transaction().add("INCR", "test:n").add("GET", "test:n").execute() == [7, "7"]
        assert await redis.pipeline() == []
        with pytest.raises(redstart.RedstartError, match="subscribe"):
            await redis.execute_command("SUBSCRIBE", "x")

    redis_test(body)


def test_health_is_what_the_specification_says(redis_test, url):
    async def body(redis):
        health = await redis.health_check()
        assert health == {"status": "healthy", "connected": True, "redis_version": health["redis_version"]}
        assert health["redis_version"]
        assert {"latency", "role", "lanes", "pool"} < set(await redis.health_check(details=True))

    redis_test(body)
    health = asyncio.run(RedisClient(url).health_check())
    assert (health["status"], health["connected"]) == ("unhealthy", False) and health["error"]


# --- What a verb returns ----------------------------------------------------------------------------------------------


def test_a_verb_is_a_coroutine_function_to_its_callers(redis_test, url):
    async def body(redis):
        await redis.set("test:k", 1)
        assert await asyncio.create_task(redis.get("test:k")) == 1
        assert await asyncio.ensure_future(redis.get("test:k")) == 1
        assert await asyncio.wait_for(redis.get("test:k"), 5) == 1
        assert await asyncio.shield(redis.get("test:k")) == 1
        assert await asyncio.gather(redis.get("test:k"), redis.get("test:none")) == [1, None]
        done, _ = await asyncio.wait([asyncio.create_task(redis.get("test:k"))])
        assert done.pop().result() == 1
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(redis.get("test:k")) for _ in range(3)]
        assert [task.result() for task in tasks] == [1, 1, 1]
        results = await asyncio.gather(redis.execute_command("NOSUCH"), return_exceptions=True)
        assert isinstance(results[0], redstart.ServerError)
        once = redis.get("test:k")
        assert inspect.isawaitable(once) and asyncio.iscoroutine(once)
        assert await once == 1

    redis_test(body)
    assert asyncio.iscoroutinefunction(RedisClient.get)
    redis = RedisClient(url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(redis.connect())
    loop.run_until_complete(redis.set("test:k", 2))
    assert loop.run_until_complete(redis.get("test:k")) == 2
    loop.run_until_complete(redis.disconnect())
    loop.close()


def test_a_mock_of_the_client_is_awaited_like_the_client():
    async def body():
        redis = unittest.mock.AsyncMock(spec=RedisClient)
        redis.get.return_value = {"online": True}
        return await redis.get("camera:1:status")

    assert asyncio.run(body()) == {"online": True}


def test_what_is_never_awaited_does_nothing_and_says_so(redis_test):
    async def body(redis):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            redis.set("test:k", 1)
            redis.get("test:k").close()
        assert [str(one.message) for one in caught] == ["operation 'set' was never awaited"]
        assert await redis.exists("test:k") == 0

    redis_test(body)


def test_options_of_a_call_hold_for_that_call(redis_test):
    async def body(redis):
        hurried = redis.with_options(timeout=0.05)
        await redis.execute_command("CLIENT", "PAUSE", 400)
        with pytest.raises(redstart.TimeoutError) as caught:
            await hurried.get("test:k")
        assert isinstance(caught.value, TimeoutError)
        assert await redis.get("test:k") is None

    redis_test(body)


def test_two_loops_in_two_threads_share_a_client(url):
    redis = RedisClient(url)
    asyncio.run(redis.connect())
    failures = []

    def work(name):
        async def body():
            async def one(n):
                key = f"test:{name}:{n}"
                await redis.set(key, key)
                for _ in range(50):
                    assert await redis.get(key) == key

            await asyncio.gather(*(one(n) for n in range(20)))

        try:
            asyncio.run(body())
        except BaseException as e:  # noqa: BLE001
            failures.append(e)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    asyncio.run(redis.disconnect())


def test_uvloop(url):
    uvloop = pytest.importorskip("uvloop")

    async def body():
        async with RedisClient(url) as redis:
            await redis.set("test:k", 1)
            assert await asyncio.gather(*(redis.get("test:k") for _ in range(500))) == [1] * 500
            waiting = asyncio.create_task(redis.get_from_queue("test:q", 10))
            await asyncio.sleep(0.02)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    loop = uvloop.new_event_loop()
    loop.run_until_complete(body())
    loop.close()
