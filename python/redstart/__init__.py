# SPDX-License-Identifier: MIT
"""Redis for asyncio, with its engine in C++: connections, queues, pub/sub, cache, health."""

from . import errors
from .client import Pipeline, PubSub, RedisClient, Session
from .errors import *  # noqa: F403  its __all__ is part of ours

__version__ = "0.1.0"
__all__ = ["Pipeline", "PubSub", "RedisClient", "Session"]
__all__ += errors.__all__
