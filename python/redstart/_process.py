# SPDX-License-Identifier: MIT
"""The one client of a process, for the handlers of a FastAPI application; public names are in `redstart.fastapi`."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Any, Optional

from fastapi import HTTPException

import redstart
from redstart import RedisClient

_log = logging.getLogger("redstart.fastapi")

RETRY_AFTER = 1  # seconds, between attempts to connect, and what clients are told with a 503
UNAVAILABLE = "Redis is not available"


class _Process:
    """The one client of this process, and the way to it.

    While Redis has not been reached yet, the first who ask wait for the attempt that is under way. Once it failed,
    everybody is refused at once, and an attempt goes on behind them, at most one every RETRY_AFTER.
    """

    def __init__(self) -> None:
        self.client: Optional[RedisClient] = None
        self.arguments: tuple = (None, {})
        self.ready = False
        self.failure: Optional[BaseException] = None
        self._tried = 0.0
        self._attempts: dict = {}  # by loop: whoever waits can only wait for a task of its own loop
        self._making = threading.Lock()

    def make(self, url: Optional[str] = None, options: Optional[dict] = None) -> RedisClient:
        with self._making:
            if self.client is None:
                self.arguments = (url, options or {})
                self.client = RedisClient(url, **self.arguments[1])
            elif (url is not None or options) and self.arguments != (url, options or {}):
                raise RuntimeError("this process has a Redis client with other settings: call close_redis() first")
            return self.client

    async def connected(self) -> RedisClient:
        """The client, connected. Raises what the last attempt failed with."""
        client = self.make()
        if self.ready:
            return client
        known = self.failure
        attempt = self._attempt()
        if known is None and attempt is not None:
            # Not awaited itself: who is cancelled here leaves alone, and the others go on waiting.
            await asyncio.wait({attempt})
        if self.ready and self.client is client:
            return client
        failure = known or self.failure or redstart.ConnectionError("the client was closed while it connected")
        raise failure.with_traceback(None)

    def _attempt(self) -> Optional[asyncio.Task]:
        loop = asyncio.get_running_loop()
        attempt = self._attempts.get(loop)
        if attempt is None and (self.failure is None or time.monotonic() - self._tried >= RETRY_AFTER):
            attempt = self._attempts[loop] = loop.create_task(self._connect())
            attempt.add_done_callback(lambda _: self._attempts.pop(loop, None))
        return attempt

    async def _connect(self) -> None:
        client = self.client
        try:
            await client.connect()
        except Exception as failure:  # kept for everybody who asks until the next attempt
            if self.failure is None:
                _log.warning("Redis cannot be reached: %s", failure)
            self.failure = failure
        else:
            if self.failure is not None:
                _log.warning("Redis is reached again")
            self.ready, self.failure = True, None
        finally:
            self._tried = time.monotonic()

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        if attempt := self._attempts.get(loop):
            attempt.cancel()
            await asyncio.wait({attempt})
        if self.client is not None:
            await self.client.disconnect()


_process = _Process()
_of_parents: list = []  # kept: ending a client of the parent is not the child's to do


def _start_afresh_in_the_child() -> None:
    global _process
    _of_parents.append(_process)
    _process = _Process()


os.register_at_fork(after_in_child=_start_afresh_in_the_child)


async def init_redis(url: Optional[str] = None, **options: Any) -> RedisClient:
    """Makes and connects the client that `get_redis` hands out; `url` and `options` are those of `RedisClient`.

    Does nothing more than returning it when it is there already. Raises `redstart.ConnectionError` when Redis was not
    reached after the client's retries; it may be called again.
    """
    process = _process
    process.make(url, options)
    if process.failure is not None:  # who calls again wants to try again
        process.failure = None
    return await process.connected()


async def close_redis() -> None:
    """Disconnects the client of this process. What waits in it fails with `redstart.Disconnected`; does nothing without
    a client."""
    global _process
    process, _process = _process, _Process()
    await process.close()


async def get_redis() -> RedisClient:
    """The client of this process, for `Depends`; connects it when nobody did so before.

    Answers 503 with Retry-After while Redis was never reached. A client that was connected once is handed out even
    while Redis is away: it reconnects by itself, and its operations wait until their deadline.
    """
    try:
        return await _process.connected()
    except (redstart.ConnectionError, redstart.TimeoutError) as failure:
        raise _unavailable() from failure


async def get_redis_optional() -> Optional[RedisClient]:
    """As `get_redis`, but None instead of the 503, for handlers that can do without."""
    try:
        return await _process.connected()
    except (redstart.ConnectionError, redstart.TimeoutError):
        return None


def has_client() -> bool:
    return _process.client is not None


def _unavailable() -> HTTPException:
    return HTTPException(503, UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER)})
