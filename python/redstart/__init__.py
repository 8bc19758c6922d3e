# SPDX-License-Identifier: MIT
"""Redis for asyncio, with its engine in C++: connections, queues, pub/sub, cache, health."""

from .client import Pipeline, PubSub, RedisClient
from .errors import (
    ConfigError,
    ConnectionError,
    DecodeError,
    Disconnected,
    EncodeError,
    NotConnected,
    Overloaded,
    PoolTimeout,
    ProtocolError,
    RedstartError,
    ServerError,
    TimeoutError,
)

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "ConnectionError",
    "DecodeError",
    "Disconnected",
    "EncodeError",
    "NotConnected",
    "Overloaded",
    "Pipeline",
    "PoolTimeout",
    "ProtocolError",
    "PubSub",
    "RedisClient",
    "RedstartError",
    "ServerError",
    "TimeoutError",
]
