# SPDX-License-Identifier: MIT
"""redstart.fastapi inside one process: the client of the process, dependencies, lifespans, health, errors."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("fastapi")

from fastapi import Depends, FastAPI, HTTPException  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from web_support import RedisServer, connections, run, server, subscriptions, until, until_async  # noqa: E402, F401

import redstart  # noqa: E402
from redstart import RedisClient  # noqa: E402
from redstart.fastapi import (  # noqa: E402
    Broadcaster,
    add_error_handlers,
    close_redis,
    get_redis,
    get_redis_optional,
    health_router,
    init_redis,
    install,
    lifespan,
)


@pytest.fixture(autouse=True)
def own_process(request, monkeypatch):
    """No client of another test; REDIS_URL is that of the server, if the test has one."""
    url = request.getfixturevalue("server").url if "server" in request.fixturenames else None
    monkeypatch.setenv("REDIS_URL", url or "unix:///nowhere/redis.sock")
    yield
    asyncio.run(close_redis())


def counting_app(**arguments):
    app = FastAPI(**arguments)

    @app.post("/count")
    async def count(redis: RedisClient = Depends(get_redis)):
        return {"count": await redis.add_to_queue("counted", "x")}

    @app.get("/optional")
    async def optional(redis=Depends(get_redis_optional)):
        return {"redis": redis is not None}

    return app


# --- The client of the process ----------------------------------------------------------------------------------------


def test_without_any_lifespan_the_first_handler_connects(server):  # noqa: F811
    http = TestClient(counting_app())
    assert [http.post("/count").json() for _ in range(2)] == [{"count": 1}, {"count": 2}]


def test_a_client_survives_the_loop_it_was_made_in(server):  # noqa: F811
    for number in (1, 2, 3):
        with TestClient(counting_app()) as http:  # each has a loop and a thread of its own
            assert http.post("/count").json() == {"count": number}


def test_many_first_requests_make_one_client(server):  # noqa: F811
    async def ask_at_once():
        return await asyncio.gather(*(get_redis() for _ in range(100)))

    async def one():
        redis = RedisClient()
        await redis.connect()
        count = connections(server)
        await redis.disconnect()
        return count

    of_one = run(one())
    until(lambda: connections(server) == 0, "the first client is gone")
    assert len(set(map(id, run(ask_at_once())))) == 1
    assert connections(server) == of_one


def test_a_first_request_that_is_cancelled_takes_no_other_with_it(server):  # noqa: F811
    async def cancel_the_first():
        first, second = asyncio.create_task(get_redis()), asyncio.create_task(get_redis())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await (await second).set("key", 1)

    run(cancel_the_first())


def test_init_is_idempotent_and_refuses_other_settings(server):  # noqa: F811
    async def twice():
        first = await init_redis()
        assert await init_redis() is first is await get_redis()
        with pytest.raises(RuntimeError, match="close_redis"):
            await init_redis("unix:///elsewhere.sock")
        await close_redis()
        await close_redis()
        assert await init_redis() is not first

    run(twice())


def test_two_threads_with_a_loop_each_share_the_client(server):  # noqa: F811
    found, barrier = [], threading.Barrier(2)

    async def use():
        redis = await get_redis()
        for _ in range(200):
            await redis.add_to_queue("counted", "x")
        found.append(redis)

    def work():
        barrier.wait()
        run(use())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
    assert server.command("LLEN", "counted") == 400


def test_a_forked_child_makes_a_client_of_its_own(server):  # noqa: F811
    program = """
import asyncio, os, sys
from redstart.fastapi import close_redis, get_redis
async def use(word):
    redis = await get_redis()
    await redis.add_to_queue("words", word)
    return redis
mine = asyncio.run(use("parent"))
child = os.fork()
if child == 0:
    assert asyncio.run(use("child")) is not mine
    asyncio.run(close_redis())
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert asyncio.run(use("parent again")) is mine
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30, env=subprocess_environment())
    assert server.command("LRANGE", "words", 0, -1) == [b"parent", b"child", b"parent again"]
    until(lambda: connections(server) == 0, "both processes' connections are gone")


def subprocess_environment():
    return os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}


# --- While Redis is away ----------------------------------------------------------------------------------------------


def test_while_redis_was_never_reached_handlers_answer_503_and_the_application_lives():
    app = counting_app()
    install(app)
    with TestClient(app) as http:
        answer = http.post("/count")
        assert (answer.status_code, answer.json()) == (503, {"detail": "Redis is not available"})
        assert int(answer.headers["retry-after"]) > 0
        assert http.get("/optional").json() == {"redis": False}
        health = http.get("/health")
        assert health.status_code == 503
        assert (health.json()["status"], health.json()["connected"]) == ("unhealthy", False)


def test_once_redis_comes_handlers_find_it_without_a_restart(tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/redis.sock?db=0")
    app = counting_app()
    install(app)
    with TestClient(app) as http:
        assert http.post("/count").status_code == 503
        with RedisServer(tmp_path):
            until(lambda: http.get("/health").status_code == 200, "Redis is found")
            assert http.post("/count").json() == {"count": 1}


def test_a_required_redis_that_is_away_stops_the_start():
    app = counting_app()
    install(app, required=True)
    with pytest.raises(ConnectionError), TestClient(app):
        pass


def test_init_fails_with_pythons_own_connection_error_and_may_be_called_again():
    async def twice():
        for _ in range(2):
            with pytest.raises(ConnectionError) as failure:
                await init_redis()
            assert isinstance(failure.value, redstart.ConnectionError)

    run(twice())


def test_errors_that_say_not_now_are_503_and_others_500(server):  # noqa: F811
    app = counting_app()
    add_error_handlers(app)
    server.command("SET", "counted", "no list")
    with TestClient(app, raise_server_exceptions=False) as http:
        assert http.post("/count").status_code == 500  # WRONGTYPE will not go away
        server.command("DEL", "counted")
        server.command("CONFIG", "SET", "maxmemory", 1)
        full = http.post("/count")  # OOM may
        assert (full.status_code, full.json()) == (503, {"detail": "Redis is not available"})
        assert full.headers["retry-after"] == "1"
        server.command("CONFIG", "SET", "maxmemory", 0)
        assert http.post("/count").json() == {"count": 1}


def test_an_application_without_handlers_for_errors_answers_503_from_get_redis():
    async def ask():
        with pytest.raises(HTTPException) as refused:
            await get_redis()
        assert refused.value.status_code == 503
        assert await get_redis_optional() is None

    run(ask())


# --- Starting and ending ----------------------------------------------------------------------------------------------


def assert_connected_while_running(app, server):  # noqa: F811
    assert connections(server) == 0
    with TestClient(app) as http:
        assert connections(server) > 0, "connected before the first request"
        assert http.post("/count").status_code == 200
    until(lambda: connections(server) == 0, "all is closed")


def test_lifespan_connects_and_closes(server):  # noqa: F811
    app = counting_app()
    app.router.lifespan_context = lifespan  # what FastAPI(lifespan=lifespan) does from 0.93 on
    assert_connected_while_running(app, server)


def test_lifespan_is_taken_by_the_constructor(server):  # noqa: F811
    app = counting_app(lifespan=lifespan)
    if "lifespan" in app.extra:  # FastAPI before 0.93 has no such argument and says nothing: handlers still connect
        assert TestClient(app).post("/count").json() == {"count": 1}
    else:
        assert_connected_while_running(app, server)


def test_lifespan_composes_with_ones_own(server):  # noqa: F811
    seen = []

    @contextlib.asynccontextmanager
    async def mine(app):
        async with lifespan(app):
            seen.append(await get_redis())
            yield
            await seen[0].set("at the end", 1)

    app = counting_app()
    app.router.lifespan_context = mine
    assert_connected_while_running(app, server)
    assert server.command("EXISTS", "at the end") == 1


def test_install_goes_around_startup_events_and_lifespans(server):  # noqa: F811
    app, seen = counting_app(), []

    @app.on_event("startup")
    async def startup():
        seen.append(await init_redis())

    @app.on_event("shutdown")
    async def shutdown():
        await seen[0].set("at the end", 1)

    install(app)
    assert_connected_while_running(app, server)
    assert server.command("EXISTS", "at the end") == 1


def test_startup_events_as_the_specification_has_them(server):  # noqa: F811
    app = counting_app()
    app.on_event("startup")(init_redis)
    app.on_event("shutdown")(close_redis)
    assert_connected_while_running(app, server)


def test_an_inner_lifespan_leaves_the_client_to_its_owner(server):  # noqa: F811
    async def nested():
        async with lifespan():
            async with lifespan():
                pass
            assert await (await get_redis()).set("key", 1)
            assert connections(server) > 0

    run(nested())
    until(lambda: connections(server) == 0, "the owner closed it")


# --- Dependencies and health ------------------------------------------------------------------------------------------


def test_dependency_overrides_take_the_place_of_the_client():
    class Fake:
        async def add_to_queue(self, *_):
            return 42

        async def health_check(self):
            return {"status": "healthy", "connected": True, "redis_version": "fake"}

    app = counting_app()
    app.include_router(health_router)
    app.dependency_overrides[get_redis] = Fake
    app.dependency_overrides[get_redis_optional] = Fake
    http = TestClient(app)
    assert http.post("/count").json() == {"count": 42}
    assert http.get("/health").json()["redis_version"] == "fake"


def test_health_has_the_shape_of_the_specification(server):  # noqa: F811
    app = counting_app()
    install(app, health_path="/ready")
    with TestClient(app) as http:
        answer = http.get("/ready")
        assert answer.status_code == 200
        assert answer.json().items() >= {"status": "healthy", "connected": True}.items()
        assert answer.json()["redis_version"] in server.command("INFO", "server").decode()
        assert http.get("/health").status_code == 404

        server.stop()
        answer = http.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"


# --- The stream of a broadcaster --------------------------------------------------------------------------------------


def test_a_full_stream_drops_the_oldest_and_says_how_many(server):  # noqa: F811
    async def listen_late():
        events = Broadcaster("events", max_messages=3, when_full="drop_oldest")
        async with events.listen() as late, events.listen() as prompt:
            read = []
            for number in range(10):
                server.command("PUBLISH", "events", number)
                read.append(await anext(prompt))
            assert read == [str(number) for number in range(10)], "others have everything"
            assert await anext(late) == '{"type": "overflow", "dropped": 7}'
            assert [await anext(late) for _ in range(3)] == ["7", "8", "9"]

    run(listen_late())


def test_a_buffer_is_bounded_in_bytes_too(server):  # noqa: F811
    async def listen_late():
        events = Broadcaster("events", max_bytes=100, when_full="drop_oldest", notice=lambda notice: None)
        async with events.listen() as late, events.listen() as prompt:
            for text in ("a" * 60, "b" * 60, "c" * 1000):
                server.command("PUBLISH", "events", text)
                assert await anext(prompt) == text
            assert await anext(late) == "c" * 1000, "one is taken however large"

    run(listen_late())


def test_listeners_come_and_go_over_one_subscription(server):  # noqa: F811
    async def come_and_go():
        events = Broadcaster("events")
        for _ in range(3):
            async with contextlib.AsyncExitStack() as stack:
                streams = [await stack.enter_async_context(events.listen()) for _ in range(20)]
                assert subscriptions(server, "events") == 1
                assert events.listeners == 20
                server.command("PUBLISH", "events", "to all")
                assert [await anext(stream) for stream in streams] == ["to all"] * 20
            assert events.listeners == 0
            await until_async(lambda: subscriptions(server, "events") == 0, "the subscription is gone")

    run(come_and_go())


def test_patterns_are_broadcast(server):  # noqa: F811
    async def listen():
        async with Broadcaster(patterns=["camera.*"]).listen() as stream:
            server.command("PUBLISH", "camera.1", "moved")
            assert await anext(stream) == "moved"

    run(listen())


def test_a_stream_ends_when_the_client_is_closed(server):  # noqa: F811
    async def close():
        async with Broadcaster("events").listen() as stream:
            server.command("PUBLISH", "events", "last")
            assert await anext(stream) == "last"
            await close_redis()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(close())


@pytest.mark.parametrize("arguments", [{}, {"when_full": "wait"}, {"max_messages": 0}, {"max_bytes": 0}])
def test_senseless_settings_are_refused(arguments):
    with pytest.raises(ValueError):
        Broadcaster(*(["events"] if arguments else []), **arguments)


# --- Without FastAPI --------------------------------------------------------------------------------------------------


def test_without_fastapi_redstart_works_and_redstart_fastapi_says_what_to_install():
    program = """
import sys
sys.modules["fastapi"] = None
import redstart
try:
    import redstart.fastapi
except ModuleNotFoundError as error:
    assert "pip install fastapi" in str(error) and "apt-get install python3-fastapi" in str(error), error
else:
    sys.exit("imported")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30, env=subprocess_environment())
