# SPDX-License-Identifier: MIT
"""Subscriptions: what listeners get, in which order, and what they are told when something may be missing."""

import asyncio

import pytest

import redstart


def test_messages_are_dicts_in_order_and_listeners_are_independent(redis_test):
    async def body(redis):
        one = await redis.subscribe("test:a", "test:b")
        two = await redis.subscribe("test:a")
        many = await redis.psubscribe("test:*")
        for n in range(2000):  # more than is read ahead
            await redis.publish("test:a", {"n": n})
        await redis.publish("test:b", "end")
        got = []
        async for message in redis.listen(one):
            got.append(message)
            if message["channel"] == "test:b":
                break
        # The buffer holds 1024, and what was read ahead: the oldest are gone, and nothing else.
        numbers = [message["data"]["n"] for message in got[:-1]]
        assert numbers == sorted(numbers) and numbers[-1] == 1999 and len(numbers) >= 1023
        assert got[-1] == {"type": "message", "pattern": None, "channel": "test:b", "data": "end"}
        assert (await two.next_message())["type"] == "message"
        by_pattern = await many.next_message()
        assert (by_pattern["type"], by_pattern["pattern"]) == ("pmessage", "test:*")

    redis_test(body)


def test_unsubscribing_ends_listen(redis_test):
    async def body(redis):
        one = await redis.subscribe("test:a", "test:b")
        got = []

        async def listen(pubsub, into):
            async for message in redis.listen(pubsub):
                into.append(message["data"])
            return into

        listening = asyncio.create_task(listen(one, got))
        await redis.publish("test:a", 1)
        await redis.unsubscribe("test:a")
        await redis.publish("test:a", 2)
        await redis.publish("test:b", 3)
        async with asyncio.timeout(5):
            while 3 not in got:
                await asyncio.sleep(0.005)
        await redis.unsubscribe("test:b")
        assert await asyncio.wait_for(listening, 5) == [1, 3]
        two, three = await redis.subscribe("test:a"), await redis.psubscribe("test:*")
        await redis.unsubscribe(two)
        assert await asyncio.wait_for(listen(two, []), 5) == []
        await redis.unsubscribe()
        assert await asyncio.wait_for(listen(three, []), 5) == []
        assert await redis.publish("test:a", 4) == 0

    redis_test(body)


def test_a_gap_is_told_to_who_asks_for_it(redis_test):
    async def body(redis):
        pubsub, deaf = await redis.subscribe("test:a"), await redis.subscribe("test:a")
        await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(10):
            gap = await pubsub.listen(gaps=True).__anext__()
        assert gap["type"] == "gap" and gap["outage"] >= 0 and gap["data"] is None
        await redis.publish("test:a", "after")
        assert (await pubsub.get_message(5))["data"] == "after"
        async with asyncio.timeout(10):
            assert (await redis.listen(deaf).__anext__())["data"] == "after"

    redis_test(body)


def test_a_cancelled_wait_loses_no_message(redis_test):
    async def body(redis):
        pubsub = await redis.subscribe("test:a")
        got = []

        async def read():
            while len(got) < 500:
                task = asyncio.ensure_future(pubsub.next_message())
                for _ in range(len(got) % 3):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    got.append((await task)["data"])
                except asyncio.CancelledError:
                    await asyncio.sleep(0)

        reading = asyncio.create_task(read())
        for n in range(500):
            await redis.publish("test:a", n)
        await asyncio.wait_for(reading, 20)
        assert got == list(range(500))

    redis_test(body)


def test_data_is_json_unless_told_otherwise(redis_test):
    async def body(redis):
        pubsub = await redis.subscribe("test:a")
        for _ in range(2):
            await redis.publish("test:a", [1])
        assert (await pubsub.next_message())["data"] == [1]
        assert (await pubsub.next_message(decode=False))["data"] == "[1]"
        task = asyncio.ensure_future(pubsub.next_message())
        await asyncio.sleep(0)
        with pytest.raises(redstart.RedstartError, match="another task"):
            await pubsub.next_message()
        task.cancel()
        assert await pubsub.get_message(0.01) is None
        with pytest.raises(TypeError):
            await redis.subscribe()
        with pytest.raises(ValueError, match="drop_all"):
            await redis.subscribe("test:a", when_full="drop_all")

    redis_test(body)
