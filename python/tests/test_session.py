# SPDX-License-Identifier: MIT
"""Sessions: a connection of one's own, for WATCH."""

import asyncio
import os

import pytest

import redstart

STOCK = "test:session:stock"


async def take_one(redis):
    """Takes one of what is left, however many do so at the same time. How often it had to begin again."""
    again = 0
    async with redis.session() as own:
        while True:
            await own.execute_command("WATCH", STOCK)
            stock = int(await own.execute_command("GET", STOCK))
            await asyncio.sleep(0)
            if await own.transaction().add("SET", STOCK, stock - 1) is not None:
                return again
            again += 1


def test_a_transaction_runs_when_nobody_touched_what_is_watched(redis_test):
    async def body(redis):
        await redis.set(STOCK, 10)
        async with redis.session() as own:
            assert await own.execute_command("WATCH", STOCK) == "OK"
            change = own.transaction().add("SET", STOCK, 9).add("GET", STOCK)
            assert await change == ["OK", "9"]
        assert await redis.get(STOCK) == 9

    redis_test(body)


def test_a_transaction_is_none_when_a_watched_key_has_changed(redis_test):
    async def body(redis):
        await redis.set(STOCK, 10)
        async with redis.session() as own:
            await own.execute_command("WATCH", STOCK)
            await redis.set(STOCK, 5)
            assert await own.transaction().add("SET", STOCK, 9).execute() is None
        assert await redis.get(STOCK) == 5

    redis_test(body)


def test_many_at_once_take_each_one_exactly(redis_test):
    async def body(redis):
        await redis.set(STOCK, 40)
        again = await asyncio.gather(*(take_one(redis) for _ in range(40)))
        assert await redis.get(STOCK) == 0
        assert sum(again) > 0, "nobody was in anybody's way: the test shows nothing"

    redis_test(body)


def test_the_connection_goes_back_and_is_used_again(redis_test):
    async def body(redis):
        ids = set()
        for _ in range(5):
            async with redis.session() as own:
                ids.add(await own.execute_command("CLIENT", "ID"))
        assert len(ids) == 1

    redis_test(body)


def test_one_that_still_watches_is_not_used_again(redis_test):
    async def body(redis):
        async with redis.session() as own:
            first = await own.execute_command("CLIENT", "ID")
            await own.execute_command("WATCH", STOCK)
        async with redis.session() as own:
            assert await own.execute_command("CLIENT", "ID") != first

    redis_test(body)


def test_commands_that_cannot_be_are_refused_by_name(redis_test):
    async def body(redis):
        async with redis.session() as own:
            with pytest.raises(redstart.RedstartError, match="SUBSCRIBE"):
                await own.execute_command("SUBSCRIBE", "test:channel")
            with pytest.raises(redstart.ServerError, match="WRONGTYPE"):
                await redis.add_to_queue("test:session:queue", 1)
                await own.execute_command("GET", "test:session:queue")
            assert await own.execute_command("ECHO", "alive") == "alive"

    redis_test(body)


def test_outside_of_its_block_it_says_how_to_use_it(redis_test):
    async def body(redis):
        session = redis.session()
        with pytest.raises(RuntimeError, match="async with"):
            await session.execute_command("PING")
        async with session:
            with pytest.raises(RuntimeError, match="another"):
                await session.__aenter__()
        with pytest.raises(RuntimeError, match="async with"):
            session.transaction()

    redis_test(body)


def test_who_is_cancelled_while_waiting_for_a_connection_leaves_it_to_others(redis_test):
    async def body(redis):
        async with redis.session():
            waiting = [asyncio.create_task(take_one(redis)) for _ in range(5)]
            await asyncio.sleep(0.05)
            for task in waiting:
                task.cancel()
            done = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in done)
        await redis.set(STOCK, 1)
        assert await asyncio.wait_for(take_one(redis), 5) == 0

    redis_test(body, max_leased=1)


def test_a_cancelled_command_leaves_no_answer_behind(redis_test):
    async def body(redis):
        for _ in range(50):
            async with redis.session() as own:
                command = asyncio.ensure_future(own.execute_command("ECHO", "of the cancelled one"))
                await asyncio.sleep(0)
                command.cancel()
                await asyncio.gather(command, return_exceptions=True)
            async with redis.session() as own:
                assert await own.execute_command("ECHO", "mine") == "mine"

    redis_test(body)


def test_a_client_that_disconnects_ends_its_sessions(redis_test):
    async def body(redis):
        async with redis.session() as own:
            await redis.disconnect()
            with pytest.raises(redstart.RedstartError):
                await own.execute_command("PING")
            await redis.connect()
            with pytest.raises(redstart.RedstartError):
                await own.execute_command("PING")
        async with redis.session() as own:
            assert await own.execute_command("ECHO", "again") == "again"

    redis_test(body)


def test_a_session_of_the_parent_is_an_error_in_a_child(redis_test):
    async def body(redis):
        async with redis.session() as own:
            await own.execute_command("PING")
            child = os.fork()
            if child == 0:
                code = 1

                async def ping():
                    await own.execute_command("PING")

                try:
                    asyncio.run(ping())
                except redstart.RedstartError as e:
                    code = 0 if "fork" in str(e) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert await own.execute_command("ECHO", "still here") == "still here"

    redis_test(body)


def test_thousands_of_sessions_leak_nothing(redis_test):
    async def body(redis):
        def open_files():
            return len(os.listdir("/proc/self/fd"))

        async with redis.session():
            pass
        before = open_files()
        for _ in range(2000):
            async with redis.session():
                pass
        assert open_files() <= before + 1

    redis_test(body)
