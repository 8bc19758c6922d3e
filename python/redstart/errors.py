# SPDX-License-Identifier: MIT
"""What can go wrong, as exceptions.

Each derives from what Python's own code would raise, and, once redis-py has been imported by anyone, from redis-py's
exception for the same thing too: `except redis.exceptions.ConnectionError` catches ours.
"""

import builtins
import sys

__all__ = [
    "ConfigError",
    "ConnectionError",
    "DecodeError",
    "Disconnected",
    "EncodeError",
    "NotConnected",
    "Overloaded",
    "PoolTimeout",
    "ProtocolError",
    "RedstartError",
    "ServerError",
    "TimeoutError",
]


class _Root(Exception):
    # Bases of a class can be added to later only when it has an ordinary class among them.
    pass


class RedstartError(_Root):
    """The base of all."""

    #: Whether Redis may have executed the command although no answer arrived. False promises that it did not.
    maybe_applied: bool = False

    def __init__(self, *args: object) -> None:
        if not _joined:
            _join_redis_py()
        super().__init__(*args)


class ConnectionError(RedstartError, builtins.ConnectionError):
    """The connection could not be made, or was lost before the answer came."""


class Disconnected(ConnectionError):
    """The client was disconnected while the operation was on its way."""


class TimeoutError(RedstartError, builtins.TimeoutError):
    """The deadline of the operation passed while its answer was outstanding."""


class PoolTimeout(TimeoutError):
    """Every connection for commands that need one of their own was in use until the deadline."""


class NotConnected(RedstartError, RuntimeError):
    """The client was used before `connect` or after `disconnect`."""


class Overloaded(RedstartError):
    """A bound of the configuration (operations waiting, bytes waiting) is reached; nothing was sent."""


class ServerError(RedstartError):
    """Redis answered with an error."""

    #: The first word of the answer: `WRONGTYPE`, `MISCONF`, `ERR`.
    code: str = ""
    #: The whole answer. It comes from the server: untrusted text.
    text: str = ""


class ProtocolError(RedstartError):
    """The peer sent bytes that are not RESP or broke a limit; the connection was closed."""


class DecodeError(RedstartError):
    """The answer arrived whole but is not what was asked for."""

    #: The bytes as Redis sent them, so that nothing is lost.
    payloads: list[bytes] = []


class EncodeError(RedstartError, ValueError):
    """The value cannot be written. Nothing was sent."""


class ConfigError(RedstartError, ValueError):
    """A URL, an option or an environment variable has a value that cannot be used; the message names it."""


_joined = False


def _join_redis_py() -> None:
    """Makes our exceptions redis-py's as well, if it is there. Never imports it: what nobody imported, nobody catches."""
    global _joined
    theirs = sys.modules.get("redis.exceptions")
    if theirs is None:
        return
    _joined = True
    for ours, name in (
        (ConnectionError, "ConnectionError"),
        (TimeoutError, "TimeoutError"),
        (ServerError, "ResponseError"),
        (ProtocolError, "InvalidResponse"),
        (DecodeError, "DataError"),
        (EncodeError, "DataError"),
        (RedstartError, "RedisError"),
    ):
        base = getattr(theirs, name, None)
        if base is not None:
            ours.__bases__ = (*ours.__bases__, base)


_join_redis_py()
