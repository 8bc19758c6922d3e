# SPDX-License-Identifier: MIT
"""What is called in one turn of the event loop crosses to the engine together, at the end of the turn, while anything
is on its way."""

import asyncio
import contextlib

import pytest
from web_support import run, server  # noqa: F401

import redstart


@contextlib.asynccontextmanager
async def busy_client(url):
    """Has a waiting pop on its way, so that calls are held."""
    async with redstart.RedisClient(url) as redis:
        waiting = asyncio.create_task(redis.get_from_queue("nothing comes here", timeout=20))
        await asyncio.sleep(0)
        yield redis
        waiting.cancel()


def test_calls_keep_their_order(server):  # noqa: F811
    async def push():
        async with busy_client(server.url) as redis:
            lengths = await asyncio.gather(*(redis.add_to_queue("numbers", number) for number in range(100)))
            assert lengths == list(range(1, 101))
            assert await redis.peek_queue("numbers") == list(range(100))

    run(push())


def test_a_call_that_is_cancelled_before_the_turn_ends_is_not_sent(server):  # noqa: F811
    async def cancel():
        async with busy_client(server.url) as redis:
            call = asyncio.create_task(redis.set("key", 1))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await redis.exists("key") == 0

    run(cancel())


def test_a_value_is_written_as_it_was_when_it_was_called(server):  # noqa: F811
    async def change():
        async with busy_client(server.url) as redis:
            value = {"online": True}
            call = asyncio.create_task(redis.set("key", value))
            await asyncio.sleep(0)
            value["online"] = False
            await call
            assert await redis.get("key") == {"online": True}

    run(change())


def test_a_client_that_ends_within_the_turn_tells_what_it_holds(server):  # noqa: F811
    async def end():
        async with busy_client(server.url) as redis:
            call = asyncio.create_task(redis.set("key", 1))
            await asyncio.sleep(0)
            redis._engine.stop()
            with pytest.raises(redstart.Disconnected):
                await call

    run(end())


def test_disconnecting_comes_after_what_was_called_before(server):  # noqa: F811
    async def end():
        async with busy_client(server.url) as redis:
            call = asyncio.create_task(redis.set("key", 1))
            ending = asyncio.create_task(redis.disconnect())
            with contextlib.suppress(redstart.Disconnected):  # sent, and perhaps answered in time
                assert await call is True
            await ending

    run(end())
