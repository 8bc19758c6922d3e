# SPDX-License-Identifier: MIT
"""RedisClient: every verb. Thin on purpose: what costs time is done in C++.

Values: str is stored as it is, bytes and their like too; dict, list, tuple, numbers, bool, None, dataclasses and
pydantic models are stored as JSON; anything else is a TypeError, and nothing is sent. Read, text that parses as JSON
comes back as JSON, other text as str, what is not UTF-8 as bytes.

Times are seconds, int or float, or timedelta.
"""

from __future__ import annotations

import asyncio.coroutines
import inspect
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Callable, Self, TypeVar

from ._redstart import Engine, Subscription
from ._redstart import Session as LeasedSession
from .errors import Disconnected, RedstartError

Name = str | bytes
Seconds = int | float | timedelta
_T = TypeVar("_T")
_Op = Coroutine[Any, Any, _T]
_F = TypeVar("_F", bound=Callable[..., Any])


def _async(function: _F) -> _F:
    """Marks a function that returns an awaitable as what it is to its callers, mocks among them: a coroutine function."""
    if hasattr(inspect, "markcoroutinefunction"):
        return inspect.markcoroutinefunction(function)
    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return function


class _Commands:
    """Every verb that the options of a call apply to."""

    __slots__ = ("_engine",)
    _engine: Engine

    # --- Cache ---------------------------------------------------------------------------------------------------

    @_async
    def get(self, key: Name) -> _Op[Any]:
        """The value of a key, None when there is none: GET."""
        return self._engine.get(key)

    @_async
    def set(
        self,
        key: Name,
        value: Any,
        expire: Seconds | None = None,
        *,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_exists: bool = False,
    ) -> _Op[bool]:
        """Stores a value, for `expire` seconds if given: SET. False when a condition prevented it."""
        return self._engine.set(key, value, expire, keep_ttl | if_absent << 1 | if_exists << 2)

    @_async
    def exists(self, *keys: Name) -> _Op[int]:
        """How many of the keys exist: EXISTS."""
        return self._engine.exists(keys)

    @_async
    def delete(self, *keys: Name) -> _Op[int]:
        """Removes keys, and says how many there were: DEL."""
        return self._engine.delete(keys)

    @_async
    def expire(self, key: Name, time: Seconds) -> _Op[bool]:
        """Lets a key vanish after `time`: PEXPIRE. False when there is no such key."""
        return self._engine.expire(key, time)

    @_async
    def ttl(self, key: Name) -> _Op[float | None]:
        """How many seconds a key will still be there: PTTL. None without such a key, infinity when it does not expire."""
        return self._engine.ttl(key)

    # --- Queues --------------------------------------------------------------------------------------------------

    @_async
    def add_to_queue(self, queue: Name, value: Any) -> _Op[int]:
        """Adds a value at the end of a queue: RPUSH. Returns the queue's new length."""
        return self._engine.add_to_queue(queue, value)

    @_async
    def add_all_to_queue(self, queue: Name, values: Iterable[Any]) -> _Op[int]:
        """Adds each value, in one command. Returns the queue's new length."""
        return self._engine.add_all_to_queue(queue, values)

    @_async
    def get_from_queue(self, queue: Name, timeout: Seconds | None = 0) -> _Op[Any]:
        """Takes the first element, waiting for one up to `timeout`; None when there is none.

        Cancelled, it takes nothing: what came too late goes back to the head of the queue.
        """
        return self._engine.get_from_queue(queue, timeout)

    @_async
    def get_batch_from_queue(self, queue: Name, max: int, timeout: Seconds | None = 0) -> _Op[list[Any]]:
        """Takes up to `max` elements: what is there, waiting up to `timeout` only when nothing is."""
        return self._engine.get_batch_from_queue(queue, max, timeout)

    @_async
    def get_queue_length(self, queue: Name) -> _Op[int]:
        """How many elements wait in a queue: LLEN."""
        return self._engine.get_queue_length(queue)

    @_async
    def peek_queue(self, queue: Name, start: int = 0, end: int = -1) -> _Op[list[Any]]:
        """Looks at elements without taking them: LRANGE. Both ends are included, -1 is the last."""
        return self._engine.peek_queue(queue, start, end)

    @_async
    def clear_queue(self, queue: Name) -> _Op[bool]:
        """Removes a queue with all its elements: DEL. False when it was empty."""
        return self._engine.clear_queue(queue)

    # --- Messages ------------------------------------------------------------------------------------------------

    @_async
    def publish(self, channel: Name, message: Any) -> _Op[int]:
        """Sends a message to whoever is subscribed now: PUBLISH. Returns how many clients got it."""
        return self._engine.publish(channel, message)

    # --- Everything else -----------------------------------------------------------------------------------------

    @_async
    def execute_command(self, *args: str | bytes | int | float) -> _Op[Any]:
        """Any command. Texts of its answer come back as str, or bytes when they are not UTF-8; never parsed as JSON."""
        return self._engine.execute_command(args)

    def pipeline(self) -> Pipeline:
        """Collects commands that are sent together; each succeeds or fails on its own."""
        return Pipeline(self._engine, transaction=False)

    def transaction(self) -> Pipeline:
        """Collects commands that Redis runs together, nothing in between: MULTI … EXEC."""
        return Pipeline(self._engine, transaction=True)


class RedisClient(_Commands):
    """A client of one Redis server, for any number of tasks, event loops and threads.

    >>> async with RedisClient("redis://localhost:6379/0") as redis:
    ...     await redis.set("camera:1:status", {"online": True}, expire=300)
    ...     status = await redis.get("camera:1:status")

    Without `url` it is REDIS_URL, or redis://localhost:6379/0. URLs: `redis://`, `rediss://` (TLS), `unix://`, and
    `embedded:` for a private server. Options override the REDIS_* variables of the same name: timeout,
    connect_timeout, connect_attempts, client_name, password and so on, those of TLS as tls_….

    Its thread lives from `connect` to `disconnect`. After a fork, the child has to `connect` again.
    """

    __slots__ = ("_listening", "__weakref__")

    def __init__(self, url: str | None = None, **options: Any) -> None:
        if url is not None:
            options["url"] = url
        self._engine = Engine(options)
        self._listening: weakref.WeakSet[PubSub] = weakref.WeakSet()

    async def connect(self) -> None:
        """Connects; retries with backoff, then ConnectionError. Does nothing when connected."""
        was_running = self._engine.is_running()
        try:
            await self._engine.connect()
        except BaseException:
            # What was not there before is not left behind.
            if not was_running:
                self._engine.stop()
            raise

    async def disconnect(self) -> None:
        """Ends all operations, connections, and the thread. Does nothing when not connected."""
        if self._engine.is_running():
            try:
                await self._engine.disconnect()
            finally:
                self._engine.stop()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    @property
    def is_connected(self) -> bool:
        """Whether `connect` was called and `disconnect` was not; the server may be away all the same."""
        return self._engine.is_running()

    def with_options(self, *, timeout: Seconds | None = None, idempotent: bool = False) -> _Commands:
        """The same client with a deadline of its own, or for commands that may run twice without harm."""
        view = _Commands()
        view._engine = self._engine.with_options(timeout, idempotent)
        return view

    async def health_check(self, *, details: bool = False) -> dict[str, Any]:
        """Asks Redis how it is. Never raises: what cannot be reached is unhealthy, and `error` says why."""
        try:
            found = await self._engine.health_check()
        except RedstartError as e:
            found = {"status": "unhealthy", "connected": False, "redis_version": "", "reason": str(e)}
        health = {name: found[name] for name in ("status", "connected", "redis_version")}
        if found["reason"]:
            health["error"] = found["reason"]
        if details:
            health.update((name, value) for name, value in found.items() if name != "reason")
        return health

    def session(self) -> Session:
        """A connection of one's own, for WATCH; see `Session`."""
        return Session(self._engine)

    # --- Messages ----------------------------------------------------------------------------------------------------

    async def subscribe(
        self,
        *channels: Name,
        patterns: Iterable[Name] = (),
        max_messages: int = 1024,
        max_bytes: int = 16 * 1024 * 1024,
        when_full: str = "drop_oldest",
    ) -> PubSub:
        """Subscribes to channels; done once Redis has confirmed them. Every subscription is independent of all others.

        One that is not read often enough holds `max_messages`, then does as `when_full` says: drop_oldest, drop_newest
        or close.
        """
        names = tuple(patterns)
        pubsub = PubSub(self._engine, await self._engine.subscribe(channels, names, (max_messages, max_bytes, when_full)))
        pubsub.channels, pubsub.patterns = channels, names
        self._listening.add(pubsub)
        return pubsub

    async def psubscribe(self, *patterns: Name, **bounds: Any) -> PubSub:
        """Subscribes to patterns: `camera.*`."""
        return await self.subscribe(patterns=patterns, **bounds)

    def listen(self, pubsub: PubSub, *, gaps: bool = False, decode: bool = True) -> AsyncIterator[dict[str, Any]]:
        """The messages of a subscription, until it ends. See `PubSub.listen`."""
        return pubsub.listen(gaps=gaps, decode=decode)

    async def unsubscribe(self, *what: Name | PubSub) -> None:
        """Takes channels or patterns away from every subscription of this client, or ends subscriptions; all without
        any. A subscription that has lost all its channels ends."""
        names: list[Name] = []
        for one in what or tuple(self._listening):
            if isinstance(one, PubSub):
                one.close()
            else:
                names.append(one)
        if names:
            await self._engine.unsubscribe(tuple(names))


class PubSub:
    """One subscription, from `RedisClient.subscribe`. An asynchronous iterator of its messages."""

    __slots__ = ("_engine", "_subscription", "channels", "patterns", "__weakref__")

    def __init__(self, engine: Engine, subscription: Subscription) -> None:
        self._engine = engine
        self._subscription = subscription
        self.channels: tuple[Name, ...] = ()
        self.patterns: tuple[Name, ...] = ()

    @_async
    def next_message(self, *, decode: bool = True) -> _Op[dict[str, Any]]:
        """The next message or notice; Disconnected when there will be none. One task at a time."""
        return self._subscription.next_message(self._engine, decode)

    async def listen(self, *, gaps: bool = False, decode: bool = True) -> AsyncIterator[dict[str, Any]]:
        """Messages, each a dict: type (`message`, or `pmessage` by a pattern), channel, pattern, data.

        With `gaps` also what says that messages may be missing: type `gap` with `outage` in seconds after a lost
        connection, type `overflow` with `dropped` when they were not read in time. Without `decode` nothing is taken
        for JSON.
        """
        while True:
            try:
                message = await self._subscription.next_message(self._engine, decode)
            except Disconnected:
                return
            if gaps or message["channel"] is not None:
                yield message

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self.listen()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def get_message(self, timeout: Seconds | None = None) -> dict[str, Any] | None:
        """The next message within `timeout`, or None."""
        if isinstance(timeout, timedelta):
            timeout = timeout.total_seconds()
        try:
            return await asyncio.wait_for(self.next_message(), timeout)
        except asyncio.TimeoutError:
            return None

    def close(self) -> None:
        """Ends it: what is buffered is dropped, `listen` ends."""
        self._subscription.close()

    @property
    def is_open(self) -> bool:
        return self._subscription.is_open()


class Pipeline:
    """Commands that are sent together, in one round trip.

    >>> visits, _ = await redis.pipeline().add("INCR", "visits").add("EXPIRE", "visits", 60)

    Awaited, it is the list of their answers, in order; an error that Redis answers to one of them is in its place.
    """

    __slots__ = ("_commands", "_engine", "_transaction")

    def __init__(self, engine: Engine, *, transaction: bool) -> None:
        self._engine = engine
        self._transaction = transaction
        self._commands: list[tuple[Any, ...]] = []

    def add(self, *args: str | bytes | int | float) -> Self:
        """Adds a command, its name and arguments."""
        self._commands.append(args)
        return self

    def __len__(self) -> int:
        return len(self._commands)

    @_async
    def execute(self) -> _Op[list[Any]]:
        return self._engine.pipeline(self._commands, self._transaction)

    def __await__(self) -> Any:
        return self.execute().__await__()


class Session:
    """One connection for one task at a time, from `RedisClient.session`: to read what is watched, and change it only if
    nobody else did meanwhile.

    >>> async with redis.session() as own:
    ...     while True:
    ...         await own.execute_command("WATCH", "stock")
    ...         stock = int(await own.execute_command("GET", "stock"))
    ...         if await own.transaction().add("SET", "stock", stock - 1) is not None:
    ...             break

    Its commands are sent in the order of their calls, and never again after a lost connection: everything fails with
    ConnectionError then, and a new session is needed. At the end of the block the connection goes back; it is closed
    when an answer is outstanding, or when keys may still be watched.
    """

    __slots__ = ("_engine", "_leased")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._leased: LeasedSession | None = None

    async def __aenter__(self) -> Self:
        if self._leased is not None:
            raise RuntimeError("this session has a connection already: make another with redis.session()")
        self._leased = await self._engine.lease()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._leased is not None:
            self._leased.close()
            self._leased = None

    @_async
    def execute_command(self, *args: str | bytes | int | float) -> _Op[Any]:
        """Any command, as `RedisClient.execute_command`; also WATCH, UNWATCH, MULTI, EXEC and DISCARD."""
        return self._engine.session_execute(self._connection(), args)

    def transaction(self) -> Pipeline:
        """As `RedisClient.transaction`, but awaited it is None when a watched key has changed: then nothing of it ran.
        Afterwards nothing is watched."""
        return _WatchedTransaction(self._engine, self._connection())

    def _connection(self) -> LeasedSession:
        if self._leased is None:
            raise RuntimeError("this session has no connection: use it inside of `async with redis.session() as own:`")
        return self._leased


class _WatchedTransaction(Pipeline):
    __slots__ = ("_leased",)

    def __init__(self, engine: Engine, leased: LeasedSession) -> None:
        super().__init__(engine, transaction=True)
        self._leased = leased

    @_async
    def execute(self) -> _Op[Any]:
        return self._engine.session_transaction(self._leased, self._commands)
