# SPDX-License-Identifier: MIT
"""What tests of applications share: a redis-server of their own, uvicorn as a child process, HTTP by the standard
library. Nothing sleeps for a fixed time: what is to come is waited for, up to a limit."""

import asyncio
import http.client
import json
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME_SECURITY = ROOT / "examples/home_security"
sys.path[:0] = [str(ROOT / "bench/hub"), str(HOME_SECURITY)]

from servers import Process, RedisServer  # noqa: E402

LIMIT = 30  # seconds; nothing here takes a tenth of it on an idle machine


@pytest.fixture
def server(tmp_path):
    """An empty redis-server; its `command` speaks to it apart from any client under test."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as redis_server:
        yield redis_server


def run(coroutine):
    """An asynchronous test, with a limit."""

    async def limited():
        return await asyncio.wait_for(coroutine, LIMIT)

    return asyncio.run(limited())


def until(condition, what):
    limit = time.monotonic() + LIMIT
    while not (result := condition()):
        assert time.monotonic() < limit, f"waited too long until {what}"
        time.sleep(0.01)
    return result


async def until_async(condition, what):
    limit = time.monotonic() + LIMIT
    while not (result := condition()):
        assert time.monotonic() < limit, f"waited too long until {what}"
        await asyncio.sleep(0.01)
    return result


def connections(redis_server):
    """How many connections Redis has, but for that of `command`."""
    return len(redis_server.command("CLIENT", "LIST").splitlines()) - 1


def subscriptions(redis_server, channel):
    return redis_server.command("PUBSUB", "NUMSUB", channel)[1]


class Uvicorn(Process):
    """`uvicorn APP` on a free port of the loopback, ready to be asked."""

    def __init__(self, app, folder, redis_url, *arguments, directory=HOME_SECURITY):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        paths = ":".join([str(directory), *(path for path in sys.path if path)])
        command = ["/usr/bin/env", f"REDIS_URL={redis_url}", f"PYTHONPATH={paths}", sys.executable, "-m", "uvicorn"]
        command += [app, "--port", self.port, "--app-dir", directory, "--no-access-log", *arguments]
        super().__init__("uvicorn", command, Path(folder) / "uvicorn.log")
        try:
            self.wait_for(self._answers, "answering", LIMIT)
        except BaseException:
            self.stop()
            raise

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}"

    def _answers(self):
        try:
            return self.ask("GET", "/openapi.json")[0] == 200 or None
        except OSError:
            return None

    def ask(self, method, path, body=None):
        """(status, decoded body, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text.startswith((b"{", b"[")) else text, response.headers
        finally:
            connection.close()
