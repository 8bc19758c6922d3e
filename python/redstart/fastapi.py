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
import contextlib
import logging
from typing import Any, AsyncIterator, Optional

try:
    from fastapi import APIRouter, Depends, FastAPI, Request, Response
    from fastapi.responses import JSONResponse
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "redstart.fastapi needs FastAPI, which is not installed: "
        "`pip install fastapi`, or on Debian `apt-get install python3-fastapi`",
        name=missing.name,
    ) from missing

import redstart
from redstart import RedisClient
from redstart._broadcaster import Broadcaster, Stream
from redstart._process import (
    RETRY_AFTER,
    UNAVAILABLE,
    close_redis,
    get_redis,
    get_redis_optional,
    has_client,
    init_redis,
)

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

HEALTH_TIMEOUT = 2.0  # seconds; probes do not wait as long as operations may


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
    owner = not has_client()
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
        return JSONResponse({"detail": UNAVAILABLE}, 503, {"Retry-After": str(RETRY_AFTER)})

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
