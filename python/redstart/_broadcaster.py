# SPDX-License-Identifier: MIT
"""One subscription for all WebSockets of a FastAPI application; public names are in `redstart.fastapi`."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
from typing import Any, AsyncIterator, Awaitable, Callable, Iterable, Optional

from fastapi import HTTPException, WebSocket
from starlette.websockets import WebSocketState

import redstart
from redstart import RedisClient
from redstart._process import get_redis

_log = logging.getLogger("redstart.fastapi")

CLOSE_TIMEOUT = 10.0  # seconds that a WebSocket has to read what it was sent, and the goodbye


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
