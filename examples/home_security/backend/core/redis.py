# SPDX-License-Identifier: MIT
"""Redis, for the whole backend: the names that its modules have always imported from here."""

import backend.core.config  # noqa: F401  REDIS_URL has its default from here on
from redstart import RedisClient
from redstart.fastapi import close_redis, get_redis, get_redis_optional, init_redis

__all__ = ["RedisClient", "close_redis", "get_redis", "get_redis_optional", "init_redis"]
