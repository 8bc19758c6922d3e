# SPDX-License-Identifier: MIT
"""Redis in FastAPI applications: one client for all handlers of a process, and one subscription for all WebSockets.

    app = FastAPI()
    redstart.fastapi.install(app)  # connects at startup, closes at shutdown, GET /health, 503 while Redis is away

    @app.post("/events")
    async def create_event(event: Event, redis: RedisClient = Depends(get_redis)):
        await redis.add_to_queue("events_queue", event.dict())

`init_redis` and `close_redis` do the same by hand, from startup events; `lifespan` as a lifespan of its own or inside
another. Without any of them the first `get_redis` connects.

The client belongs to the process, so that it survives event loops: a reload, and a test client, may come with a new
one. A forked child starts without a client and makes its own.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import os
import threading
import time
from typing import Any, AsyncIterator, Awaitable, Callable, Iterable, Optional

try:
    from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, WebSocket
    from fastapi.responses import JSONResponse
    from starlette.websockets import WebSocketState
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "redstart.fastapi needs FastAPI, which is not installed: "
        "`pip install fastapi`, or on Debian `apt-get install python3-fastapi`",
        name=missing.name,
    ) from missing

import redstart
from redstart import RedisClient

__all__ = [
    "Broadcaster",
    "Stream",
    "add_error_handlers",
    "close_redis",
    "get_redis",
    "get_redis_optional",
    "health",
    "health_router",
    "init_redis",
    "install",
    "lifespan",
]

_log = logging.getLogger("redstart.fastapi")

RETRY_AFTER = 1  # seconds, between attempts to connect, and what clients are told with a 503
HEALTH_TIMEOUT = 2.0  # seconds; probes do not wait as long as operations may
CLOSE_TIMEOUT = 10.0  # seconds that a WebSocket has to read what it was sent, and the goodbye

_UNAVAILABLE = "Redis is not available"


# --- The client of the process ----------------------------------------------------------------------------------------


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


def _unavailable() -> HTTPException:
    return HTTPException(503, _UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER)})


# --- Starting, ending, errors, health ---------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def lifespan(
    app: Any = None, url: Optional[str] = None, *, required: bool = False, **options: Any
) -> AsyncIterator[None]:
    """Connects the client, and closes it at the end: `FastAPI(lifespan=lifespan)`, or within a lifespan of your own:

        @asynccontextmanager
        async def mine(app):
            async with redstart.fastapi.lifespan(app):
                yield

    When Redis is not reached the application starts all the same: `get_redis` answers 503 until it is. With `required`
    it does not start. A client that was there before, from `init_redis` or another lifespan, is left to its owner.
    """
    owner = _process.client is None
    try:
        await init_redis(url, **options)
    except (redstart.ConnectionError, redstart.TimeoutError):
        if required:
            await close_redis()
            raise
    try:
        yield
    finally:
        if owner:
            await close_redis()


def install(
    app: FastAPI,
    url: Optional[str] = None,
    *,
    required: bool = False,
    health_path: Optional[str] = "/health",
    **options: Any,
) -> None:
    """All of it in one call: the lifespan around that of the application, `add_error_handlers`, and `health` under
    `health_path` (None: no such route).

    Startup events and lifespans of the application find the client connected, and may use it until they have ended.
    FastAPI before 0.93 has no `lifespan` argument and silently ignores one; this works with any version.
    """
    own = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def around(application: Any) -> AsyncIterator[Any]:
        async with lifespan(application, url, required=required, **options):
            async with own(application) as state:
                yield state

    app.router.lifespan_context = around
    add_error_handlers(app)
    if health_path is not None:
        app.add_api_route(health_path, health, methods=["GET"], tags=["redis"])


# Redis's refusals that say "not now" rather than "wrong".
_NOT_NOW = {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "OOM", "MISCONF"}


def add_error_handlers(app: FastAPI) -> None:
    """Errors that a handler lets through: 503 with Retry-After while Redis is away, is loading, is full or has too much
    to do; anything else stays what it is, a 500. The reason goes to the log, not to whoever asked."""

    async def unavailable(request: Request, error: Exception) -> Response:
        if isinstance(error, redstart.ServerError) and error.code not in _NOT_NOW:
            raise error
        _log.warning("%s %s: %s", request.method, request.url.path, error)
        return JSONResponse({"detail": _UNAVAILABLE}, 503, {"Retry-After": str(RETRY_AFTER)})

    for kind in (redstart.ConnectionError, redstart.TimeoutError, redstart.Overloaded, redstart.ServerError):
        app.add_exception_handler(kind, unavailable)


async def health(response: Response, redis: Optional[RedisClient] = Depends(get_redis_optional)) -> dict:
    """How Redis is, as `RedisClient.health_check` says it; with status 503 unless it is healthy."""
    report = {"status": "unhealthy", "connected": False, "redis_version": ""}
    if redis is None:
        report["error"] = "never connected"
    else:
        try:
            report = await asyncio.wait_for(redis.health_check(), HEALTH_TIMEOUT)
        except asyncio.TimeoutError:
            report["error"] = f"no answer within {HEALTH_TIMEOUT:g} s"
    if report["status"] != "healthy":
        response.status_code = 503
    return report


health_router = APIRouter(tags=["redis"])
"""`app.include_router(health_router)` adds GET /health."""
health_router.add_api_route("/health", health, methods=["GET"])


# --- Broadcasting -----------------------------------------------------------------------------------------------------


def _notice(notice: dict) -> Optional[str]:
    return json.dumps({name: value for name, value in notice.items() if value is not None})


class _TooSlow(Exception):
    pass


class Stream:
    """What one listener of a `Broadcaster` gets: an asynchronous iterator of texts, as they were published; what is not
    UTF-8 is bytes.

    Ends when the client is closed. Raises what the subscription failed with.
    """

    def __init__(self, of: Broadcaster) -> None:
        self._of = of
        self._texts: collections.deque = collections.deque()
        self._size = 0
        self._dropped = 0
        self._ended = False
        self._failure: Optional[BaseException] = None
        self._wanted: Optional[asyncio.Future] = None  # of who waits for the next text
        self.too_slow: asyncio.Future = asyncio.get_running_loop().create_future()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> str:
        while not self._texts and not self._dropped and not self._ended:
            self._wanted = asyncio.get_running_loop().create_future()
            try:
                await self._wanted
            finally:
                self._wanted = None
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            if (text := self._of.notice({"type": "overflow", "dropped": dropped})) is not None:
                return text
            return await self.__anext__()
        if self._texts:
            text = self._texts.popleft()
            self._size -= len(text)
            return text
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    def _put(self, text: str) -> None:
        if self._ended:
            return
        self._texts.append(text)
        self._size += len(text)
        # One text is always taken when none waits, however large.
        while len(self._texts) > self._of.max_messages or (self._size > self._of.max_bytes and len(self._texts) > 1):
            if self._of.when_full == "close":
                self._texts.clear()
                self._end(_TooSlow())
                self.too_slow.set_result(None)
                return
            self._size -= len(self._texts.popleft())
            self._dropped += 1
        self._wake()

    def _end(self, failure: Optional[BaseException]) -> None:
        if not self._ended:
            self._ended, self._failure = True, failure
            self._wake()

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


class _Feed:
    """One subscription, and everybody who listens to it. Lives in one loop, while there is somebody."""

    def __init__(self, of: Broadcaster, redis: RedisClient, over: Callable[[], Any]) -> None:
        self._of, self._redis = of, redis
        self.streams: set = set()
        self.subscribed = asyncio.Event()  # or failed to be
        self.failure: Optional[BaseException] = None
        self.task = asyncio.get_running_loop().create_task(self._run())
        self.task.add_done_callback(lambda _: over())

    async def _run(self) -> None:
        pubsub = None
        try:
            pubsub = await self._redis.subscribe(*self._of.channels, patterns=self._of.patterns)
            self.subscribed.set()
            async for message in self._redis.listen(pubsub, gaps=True, decode=False):
                is_notice = message["type"] in ("gap", "overflow")
                text = self._of.notice(message) if is_notice else message["data"]
                if text is not None:
                    for stream in self.streams:
                        stream._put(text)
        except Exception as failure:
            _log.warning("listening to %s ended: %s", ", ".join(self._of.channels + self._of.patterns), failure)
            self.failure = failure
        finally:
            self.subscribed.set()
            for stream in self.streams:
                stream._end(self.failure)
            if pubsub is not None:
                pubsub.close()


class Broadcaster:
    """Sends what is published on some channels to any number of WebSockets, over one subscription.

        events = Broadcaster("events")

        @app.websocket("/ws")
        async def live(socket: WebSocket):
            await events.serve(socket)

    The subscription is there while anybody listens. Each socket has a buffer of its own: `max_messages`, and `max_bytes`
    of text. When it is full, because the socket does not read, `when_full` decides: "close" closes the socket with 1013
    and a reason; "drop_oldest" drops, and sends a notice of how many. The others never wait for it.

    A notice is what `listen` says of lost messages: `{"type": "gap", "outage": 1.5}` when Redis was away for so many
    seconds, `{"type": "overflow", "dropped": 3}`. It is sent as JSON; `notice` makes another text of it, or None.
    """

    def __init__(
        self,
        *channels: str,
        patterns: Iterable[str] = (),
        max_messages: int = 256,
        max_bytes: int = 1024 * 1024,
        when_full: str = "close",
        notice: Callable[[dict], Optional[str]] = _notice,
    ) -> None:
        if not channels and not patterns:
            raise ValueError("name at least one channel or pattern")
        if when_full not in ("close", "drop_oldest"):
            raise ValueError(f"when_full is 'close' or 'drop_oldest', not {when_full!r}")
        if max_messages < 1 or max_bytes < 1:
            raise ValueError("max_messages and max_bytes are at least 1")
        self.channels, self.patterns = tuple(channels), tuple(patterns)
        self.max_messages, self.max_bytes = max_messages, max_bytes
        self.when_full, self.notice = when_full, notice
        self._feeds: dict = {}  # by loop and client

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(len(feed.streams) for feed in self._feeds.values())

    @contextlib.asynccontextmanager
    async def listen(self, redis: Optional[RedisClient] = None) -> AsyncIterator[Stream]:
        """A stream of texts for anything else than a WebSocket, such as server-sent events. Returns once Redis has
        confirmed the subscription. Without `redis` it is the client of `get_redis`."""
        if redis is None:
            redis = await get_redis()
        feed = self._feed(redis)
        stream = Stream(self)
        feed.streams.add(stream)
        try:
            await feed.subscribed.wait()
            if feed.failure is not None:
                raise feed.failure.with_traceback(None)
            yield stream
        finally:
            feed.streams.discard(stream)
            if not feed.streams:
                self._forget(feed)
                feed.task.cancel()

    async def serve(
        self,
        socket: WebSocket,
        redis: Optional[RedisClient] = None,
        *,
        received: Optional[Callable[[str], Awaitable[Any]]] = None,
    ) -> None:
        """Accepts the socket, unless that is done, and sends it everything until it is closed, from either side.

        What the socket sends is handed to `received`, or dropped. When there will be no more messages the socket is
        closed: with 1001 because the client was closed, with 1013 because Redis cannot be reached or the socket is too
        slow.
        """
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.accept()
        code, reason = 1001, "going away"
        try:
            async with self.listen(redis) as stream:
                sending = asyncio.ensure_future(_send(socket, stream))
                receiving = asyncio.ensure_future(_receive(socket, received))
                try:
                    await asyncio.wait({sending, receiving, stream.too_slow}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (sending, receiving):
                        task.cancel()
                    await asyncio.gather(sending, receiving, return_exceptions=True)
                if stream.too_slow.done():
                    code, reason = 1013, "too slow: messages are waiting that were not read"
                elif not receiving.cancelled():
                    receiving.result()  # raises what `received` raised
                    return
                elif not sending.cancelled():
                    sending.result()
        except (redstart.RedstartError, HTTPException) as failure:
            code, reason = 1013, "there will be no more messages: Redis is not available"
            _log.warning("a WebSocket is closed: %s", failure)
        await _close(socket, code, reason)

    def _feed(self, redis: RedisClient) -> _Feed:
        key = (asyncio.get_running_loop(), redis)
        feed = self._feeds.get(key)
        if feed is None:
            for dead in [key for key in self._feeds if key[0].is_closed()]:
                del self._feeds[dead]
            feed = self._feeds[key] = _Feed(self, redis, lambda: self._forget(feed))
        return feed

    def _forget(self, feed: _Feed) -> None:
        for key, known in list(self._feeds.items()):
            if known is feed:
                del self._feeds[key]


async def _send(socket: WebSocket, stream: Stream) -> None:
    async for text in stream:
        try:
            await (socket.send_text(text) if isinstance(text, str) else socket.send_bytes(text))
        except Exception as failure:  # servers have no common error for a client that is gone
            _log.debug("a WebSocket is gone: %s", failure)
            return


async def _receive(socket: WebSocket, received: Optional[Callable[[str], Awaitable[Any]]]) -> None:
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        if received is not None and message.get("text") is not None:
            await received(message["text"])


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(Exception):  # gone already, or it does not read: the server cuts it
        await asyncio.wait_for(socket.close(code, reason), CLOSE_TIMEOUT)
