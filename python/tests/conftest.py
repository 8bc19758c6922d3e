# SPDX-License-Identifier: MIT
"""What the tests of the client share. What those of applications share is in web_support.py."""

import asyncio
import faulthandler
import os
import shutil

import pytest
from web_support import RedisServer, run

import redstart


@pytest.fixture(autouse=True)
def limit():
    """A test that hangs says where."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def url(tmp_path_factory):
    """REDIS_URL, as the specification says; without it a server of our own, if there is a program for it."""
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    if not shutil.which("redis-server"):
        pytest.skip("no REDIS_URL, and redis-server is not installed")
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_test(url, request):
    """Runs an asynchronous function of a connected client, whose keys begin with the test's own prefix."""

    def run_test(body, **options):
        async def connected():
            async with redstart.RedisClient(url, **options) as redis:
                return await body(redis)

        return run(connected())

    yield run_test

    async def clean():
        async with redstart.RedisClient(url) as redis:
            keys = await redis.execute_command("KEYS", "test:*")
            if keys:
                await redis.delete(*keys)

    asyncio.run(clean())
