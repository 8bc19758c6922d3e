# SPDX-License-Identifier: MIT
"""Beginnings and ends: connecting in loops, forks, loops that close, the end of the interpreter."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading

import pytest
from web_support import RedisServer

import redstart
from redstart import RedisClient


def resources():
    gc.collect()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), resident


@pytest.mark.parametrize("loops", ["one loop", "a loop each"])
def test_a_thousand_connections_leave_nothing_behind(url, loops):
    async def once():
        redis = RedisClient(url)
        await redis.connect()
        await redis.set("test:k", "x" * 1000)
        await redis.get("test:k")
        waiting = asyncio.create_task(redis.get_from_queue("test:q", 30))
        await asyncio.sleep(0)
        if loops == "one loop":
            waiting.cancel()
        await redis.disconnect()
        await asyncio.gather(waiting, return_exceptions=True)

    def many(count):
        async def in_one():
            for _ in range(count):
                await once()

        if loops == "one loop":
            asyncio.run(in_one())
        else:
            for _ in range(count):
                asyncio.run(once())

    many(100)
    before = resources()
    many(500)
    after = resources()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 4 * 1024 * 1024


def test_a_thousand_loops_over_one_client_leave_nothing_behind(url):
    redis = RedisClient(url)
    asyncio.run(redis.connect())

    async def once():
        await redis.get("test:k")
        asyncio.create_task(redis.get_from_queue("test:q", 30))  # cancelled by the end of the loop
        await asyncio.sleep(0)

    def many(count):
        for _ in range(count):
            asyncio.run(once())

    many(100)
    before = resources()
    many(1000)
    after = resources()
    assert after[0] <= before[0] + 1 and after[1] == before[1]
    assert after[2] - before[2] < 4 * 1024 * 1024
    asyncio.run(redis.disconnect())


def test_a_client_that_is_dropped_ends_its_thread(url):
    async def body():
        redis = RedisClient(url)
        await redis.connect()
        await redis.get("test:k")

    before = len(os.listdir("/proc/self/task"))
    asyncio.run(body())
    gc.collect()
    assert len(os.listdir("/proc/self/task")) == before


def test_a_connect_that_fails_or_is_cancelled_leaves_nothing_behind():
    async def body():
        redis = RedisClient("redis://127.0.0.1:1/0", connect_attempts=2, backoff_max=0.01, backoff_initial=0.01)
        with pytest.raises(redstart.ConnectionError):
            await redis.connect()
        assert not redis.is_connected
        redis = RedisClient("redis://127.0.0.1:1/0", connect_attempts=0)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(redis.connect(), 0.05)
        assert not redis.is_connected
        await redis.disconnect()

    before = resources()
    asyncio.run(body())
    assert resources()[:2] == before[:2]


def test_disconnect_ends_what_waits_and_connect_begins_again(url):
    async def body():
        redis = RedisClient(url)
        with pytest.raises(RuntimeError, match="connect"):
            await redis.get("test:k")
        await redis.connect()
        await redis.connect()
        waiting = asyncio.create_task(redis.get_from_queue("test:q", 30))
        await asyncio.sleep(0.02)
        await redis.disconnect()
        with pytest.raises(redstart.Disconnected):
            await waiting
        with pytest.raises(redstart.NotConnected):
            await redis.get("test:k")
        await redis.disconnect()
        await redis.connect()
        assert await redis.get("test:none") is None
        await redis.disconnect()

    asyncio.run(body())


def program(url, text, **more):
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path), "URL": url, **more}
    head = "import asyncio, os, sys, threading, time\nimport redstart\nfrom redstart import RedisClient\n"
    return subprocess.run([sys.executable, "-X", "dev", "-c", head + textwrap.dedent(text)], env=environment,
                          capture_output=True, text=True, timeout=30)


def test_a_forked_child_is_told_and_can_connect_anew(url):
    done = program(url, """
        redis = RedisClient(os.environ["URL"])
        asyncio.run(redis.connect())
        asyncio.run(redis.set("test:fork", "parent"))
        loop = asyncio.new_event_loop()
        async def begin():
            pubsub = await redis.subscribe("test:channel")
            return pubsub, asyncio.ensure_future(redis.get_from_queue("test:q", 30))
        pubsub, pending = loop.run_until_complete(begin())
        child = os.fork()
        if child == 0:
            async def body():
                try:
                    await redis.get("test:fork")
                except redstart.RedstartError as e:
                    assert "fork" in str(e) and isinstance(e, RuntimeError), e
                else:
                    sys.exit("not told")
                await redis.disconnect()
                await redis.connect()
                assert await redis.get("test:fork") == "parent"
                await redis.disconnect()
            asyncio.run(body())
            pubsub.close()
            pending.cancel()
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        pending.cancel()
        assert loop.run_until_complete(redis.get("test:fork")) == "parent"
        loop.run_until_complete(redis.disconnect())
        """)
    assert done.returncode == 0, done.stderr


ENDS = {
    "in the loop": "asyncio.run(begin())",
    "by SystemExit": "async def body():\n    await begin()\n    sys.exit(0)\nasyncio.run(body())",
    "with a loop that never ran on": "loop = asyncio.new_event_loop()\nloop.run_until_complete(begin())",
    "with a loop in a daemon thread": (
        "ready = threading.Event()\n"
        "async def for_ever():\n    await begin()\n    ready.set()\n    await asyncio.sleep(60)\n"
        "threading.Thread(target=lambda: asyncio.run(for_ever()), daemon=True).start()\nready.wait(10)"
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends_with_operations_on_their_way(url, end):
    done = program(url, """
        redis = RedisClient(os.environ["URL"])
        tasks = []
        async def begin():
            await redis.connect()
            pubsub = await redis.subscribe("test:channel")
            for n in range(100):
                tasks.append(asyncio.ensure_future(redis.get_from_queue(f"test:q{n}", 30)))
                tasks.append(asyncio.ensure_future(redis.get("test:k")))
            tasks.append(asyncio.ensure_future(pubsub.next_message()))
            await asyncio.sleep(0)
        """ + "\n" + textwrap.indent(ENDS[end], " " * 8), PYTHONASYNCIODEBUG="0")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr or "loop that never" in end, done.stderr


def test_embedded_needs_no_server_and_leaves_none():
    async def body():
        async with RedisClient("embedded:") as redis:
            await redis.set("k", 1)
            pid = int((await redis.execute_command("INFO", "server")).split("process_id:")[1].split()[0])
            return pid

    pid = asyncio.run(body())
    assert not os.path.exists(f"/proc/{pid}")


def test_options_are_checked_by_name(monkeypatch):
    with pytest.raises(redstart.ConfigError, match="URL"):
        RedisClient("http://localhost")
    with pytest.raises(TypeError, match="no option 'tiemout'"):
        RedisClient(tiemout=1)
    with pytest.raises(TypeError, match="lanes"):
        RedisClient(lanes="many")
    with pytest.raises(redstart.ConfigError):
        RedisClient(timeout=-1)
    monkeypatch.setenv("REDIS_URL", "nonsense")
    with pytest.raises(redstart.ConfigError, match="REDIS_URL"):
        RedisClient()


def test_a_lost_server_is_a_connection_error_and_work_goes_on_after(tmp_path):
    with RedisServer(tmp_path) as server:

        async def body():
            async with RedisClient(server.url, timeout=0.3) as redis:
                await redis.set("test:k", 1)
                await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
                assert await redis.get("test:k") == 1
                redis_down = asyncio.create_task(redis.get("test:k"))
                await redis_down

        asyncio.run(body())


def test_threads_are_not_blocked_by_the_end_of_a_client(url):
    """Ending joins the engine; others must be able to run meanwhile."""
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    for _ in range(5):

        async def body():
            async with RedisClient(url) as redis:
                await redis.get("test:k")

        asyncio.run(body())
    stop.set()
    thread.join()
    assert ticks
