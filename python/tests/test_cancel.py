# SPDX-License-Identifier: MIT
"""Cancelling: the answers of all others stay right, and no element of a queue is lost."""

import asyncio
import contextlib
import random
import threading

import pytest

import redstart

OPERATIONS = 100_000


def test_cancelling_100_000_random_operations_leaves_every_later_reply_right(redis_test):
    async def body(redis):
        source = random.Random(6)
        keys = [f"test:{n}" for n in range(64)]
        for key in keys:
            await redis.set(key, key)
        wrong = []
        cancelled = 0

        async def read(key):
            value = await redis.get(key)
            if value != key:
                wrong.append((key, value))

        async def worker():
            nonlocal cancelled
            for _ in range(OPERATIONS // 200):
                tasks = [asyncio.ensure_future(read(source.choice(keys))) for _ in range(10)]
                # Before they begin, on their way, or answered and not yet told.
                for _ in range(source.randrange(4)):
                    await asyncio.sleep(0)
                for task in tasks[::2]:
                    cancelled += task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if source.random() < 0.1:
                    await asyncio.sleep(0.001)

        await asyncio.gather(*(worker() for _ in range(20)))
        assert not wrong
        assert await asyncio.gather(*(redis.get(key) for key in keys)) == keys
        return cancelled

    assert redis_test(body) > OPERATIONS // 10


@pytest.mark.parametrize("timeout", [0, 0.02, 10])
@pytest.mark.parametrize("batch", [False, True])
def test_cancelled_pops_lose_no_element(redis_test, timeout, batch):
    total = 3000

    async def body(redis):
        source = random.Random(7)
        taken = []

        async def consume():
            while len(taken) < total:
                pop = redis.get_batch_from_queue("test:q", 3, timeout) if batch else redis.get_from_queue("test:q", timeout)
                task = asyncio.ensure_future(pop)
                await asyncio.sleep(source.choice([0, 0, 0, 0.0005, 0.002]))
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    found = await task
                    taken.extend(found if batch else [] if found is None else [found])
                if len(taken) >= total:
                    break

        async def produce():
            for first in range(0, total, 10):
                await redis.add_all_to_queue("test:q", range(first, first + 10))
                await asyncio.sleep(0)

        consumers = [asyncio.create_task(consume()) for _ in range(8)]
        await produce()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*consumers), 20)
        # What was given back last may still be on its way.
        async with asyncio.timeout(5):
            while len(taken) < total:
                rest = await redis.get_batch_from_queue("test:q", total, 0.2)
                taken.extend(rest)
        assert sorted(taken) == list(range(total))

    redis_test(body)


def test_an_element_that_came_for_a_cancelled_pop_is_the_first_again(redis_test):
    async def body(redis):
        await redis.add_all_to_queue("test:q", ["first", "second"])
        task = asyncio.ensure_future(redis.get_from_queue("test:q"))
        await asyncio.sleep(0)
        # The answer has come by now, and the loop has not seen it.
        __import__("time").sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            while await redis.get_queue_length("test:q") < 2:
                await asyncio.sleep(0.005)
        assert await redis.peek_queue("test:q") == ["first", "second"]

    redis_test(body)


def test_an_element_that_redis_refuses_to_take_back_is_offered_again(redis_test, url):
    async def fill_up():
        async with redstart.RedisClient(url) as other:
            await other.execute_command("CONFIG", "SET", "maxmemory", "1")

    async def body(redis):
        await redis.add_all_to_queue("test:q", ["first", "second"])
        task = asyncio.ensure_future(redis.get_from_queue("test:q"))
        await asyncio.sleep(0)
        # Beside a loop that stands still meanwhile, so that it does not see the answer, which has come when this is done.
        elsewhere = threading.Thread(target=lambda: asyncio.run(fill_up()))
        elsewhere.start()
        elsewhere.join()
        task.cancel()
        try:
            await asyncio.sleep(0.3)
            refused = await redis.execute_command("INFO", "errorstats")
            assert "errorstat_OOM" in refused
            assert await redis.get_queue_length("test:q") == 1
        finally:
            await redis.execute_command("CONFIG", "SET", "maxmemory", "0")
        async with asyncio.timeout(5):
            while await redis.get_queue_length("test:q") < 2:
                await asyncio.sleep(0.005)
        assert await redis.peek_queue("test:q") == ["first", "second"]

    redis_test(body)


def test_an_element_that_its_loop_never_saw_goes_back(url):
    import redstart

    redis = redstart.RedisClient(url)
    asyncio.run(redis.connect())
    asyncio.run(redis.add_to_queue("test:q", "kept"))

    async def leave():
        pop = redis.get_from_queue("test:q")
        pop.send(None)  # begun, and nobody will ask how it ended

    asyncio.run(leave())

    async def look():
        async with asyncio.timeout(5):
            while await redis.get_queue_length("test:q") != 1:
                await asyncio.sleep(0.005)
        assert await redis.get_from_queue("test:q") == "kept"

    asyncio.run(look())
    asyncio.run(redis.disconnect())


def test_a_cancelled_wait_is_over_at_once_and_holds_nothing(redis_test):
    async def body(redis):
        waits = [asyncio.create_task(redis.get_from_queue("test:q", 30)) for _ in range(100)]
        await asyncio.sleep(0.02)
        for wait in waits:
            wait.cancel("enough")
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        await redis.add_to_queue("test:q", "mine")
        assert await redis.get_from_queue("test:q", 1) == "mine"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(redis.get_from_queue("test:q", 30), 0.02)

    redis_test(body)
