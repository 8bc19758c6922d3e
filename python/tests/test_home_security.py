# SPDX-License-Identifier: MIT
"""The specification's application under uvicorn: real HTTP, real WebSockets, workers, reloads, Redis going away."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

for package in ("fastapi", "uvicorn", "websockets"):
    pytest.importorskip(package)

import websockets  # noqa: E402
from web_support import (  # noqa: E402, F401
    HOME_SECURITY,
    LIMIT,
    RedisServer,
    Uvicorn,
    connections,
    run,
    server,
    subscriptions,
    until,
    until_async,
)

APP = "backend.main:app"
LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import uvloop"], capture_output=True).returncode != 0, reason="no uvloop"
))]
EVENT = {"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person"]}
ALERT = {"risk_score": 85, "camera_id": 1, "message": "Suspicious activity detected"}


@pytest.fixture
def backend(server, tmp_path):  # noqa: F811
    with Uvicorn(APP, tmp_path, server.url) as started:
        yield started


@contextlib.asynccontextmanager
async def sockets(app, count, path="/ws"):
    """So many WebSockets that are subscribed: an empty alert has reached each of them."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(*(websockets.connect(app.socket_url + path) for _ in range(count)))
        for socket in opened:
            stack.push_async_callback(socket.close)
        yield opened


def subscribers(redis_server):
    """The connections of Redis that are subscribed to something, as CLIENT LIST shows them."""
    lines = redis_server.command("CLIENT", "LIST").decode().splitlines()
    return [line for line in lines if " sub=0 " not in line]


# --- Routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_every_route_does_what_it_says(server, tmp_path, loop):  # noqa: F811
    with Uvicorn(APP, tmp_path, server.url, "--loop", loop) as app:
        status, health, _ = app.ask("GET", "/health")
        assert (status, health["status"], health["connected"]) == (200, "healthy", True)

        assert app.ask("POST", "/events", EVENT)[:2] == (200, {"status": "queued"})
        assert app.ask("GET", "/events")[:2] == (200, {"length": 1, "items": [EVENT]})
        assert json.loads(server.command("LPOP", "events_queue")) == EVENT
        assert app.ask("POST", "/events", {"camera_id": "one"})[0] == 422

        assert app.ask("GET", "/cameras/1/status")[0] == 404
        assert app.ask("PUT", "/cameras/1/status", {"online": True, "fps": 30})[0] == 204
        assert app.ask("GET", "/cameras/1/status")[:2] == (200, {"online": True, "fps": 30})
        assert 290 < server.command("TTL", "camera:1:status") <= 300

        assert app.ask("POST", "/alerts", ALERT)[:2] == (200, {"screens": 0})
        server.command("RPUSH", "detections", '{"camera_id":3,"image_path":"/data/3.jpg"}')
        until(lambda: "camera 3: looking at /data/3.jpg" in app.output() or None, "the consumer took the detection")
    until(lambda: connections(server) == 0, "nothing of it is left in Redis")


# --- WebSockets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_many_sockets_share_one_subscription_and_leave_none(server, tmp_path, loop):  # noqa: F811
    async def look(app):
        async with sockets(app, 100) as opened:
            await until_async(lambda: subscriptions(server, "events") == 1, "the subscription is there")
            assert len(subscribers(server)) == 1
            before = connections(server)
            for number in range(20):
                server.command("PUBLISH", "events", number)
            # Who came after the subscription was made has everything, as has who came before.
            received = await asyncio.gather(*(read(socket, 20) for socket in opened))
            assert received == [[str(number) for number in range(20)]] * 100
            assert connections(server) == before
        await until_async(lambda: subscriptions(server, "events") == 0, "the subscription is gone")

    with Uvicorn(APP, tmp_path, server.url, "--loop", loop) as app:
        run(look(app))


async def read(socket, count):
    return [await socket.recv() for _ in range(count)]


def test_an_alert_posted_is_an_alert_seen(server, backend):  # noqa: F811
    async def look():
        async with sockets(backend, 2) as opened:
            await until_async(lambda: subscriptions(server, "events") == 1, "the subscription is there")
            answer = await asyncio.to_thread(backend.ask, "POST", "/alerts", ALERT)
            assert answer[:2] == (200, {"screens": 1}), "Redis sends it once"
            for socket in opened:
                assert json.loads(await socket.recv()) == {"type": "risk_alert"} | ALERT

    run(look())


def test_a_slow_socket_slows_nobody_and_is_told(server, backend):  # noqa: F811
    async def look():
        text = "x" * 64 * 1024
        count = 400  # 25 MiB: more than kernels hold for one who does not read
        async with websockets.connect(backend.socket_url + "/ws", max_queue=1, read_limit=1024, compression=None) as slow:
            async with sockets(backend, 1) as (prompt,):
                await until_async(lambda: subscriptions(server, "events") == 1, "the subscription is there")
                for _ in range(count):
                    server.command("PUBLISH", "events", text)
                    assert await prompt.recv() == text
                server.command("PUBLISH", "events", "end")
                assert await prompt.recv() == "end"
            seen = 0
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await slow.recv()
                    seen += 1
            assert closed.value.rcvd.code == 1013
            assert "slow" in closed.value.rcvd.reason
            assert seen < count
            await until_async(lambda: subscriptions(server, "events") == 0, "nobody listens any more")

    run(look())


def test_sockets_that_vanish_leave_nothing_behind(server, backend):  # noqa: F811
    async def look():
        async with sockets(backend, 10) as opened:
            await until_async(lambda: subscriptions(server, "events") == 1, "the subscription is there")
            for socket in opened:
                socket.transport.abort()  # no goodbye
            await until_async(lambda: subscriptions(server, "events") == 0, "the subscription is gone")
        assert "Traceback" not in backend.output()

    run(look())


def test_a_server_that_stops_says_goodbye_and_ends(server, tmp_path):  # noqa: F811
    async def look(app):
        async with sockets(app, 5) as opened:
            await until_async(lambda: subscriptions(server, "events") == 1, "the subscription is there")
            os.kill(app.pid, signal.SIGTERM)
            for socket in opened:
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(socket.recv(), 10)

    with Uvicorn(APP, tmp_path, server.url) as app:
        run(look(app))
        until(lambda: connections(server) == 0, "nothing of it is left in Redis")


# --- Redis goes away --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_redis_restarts_in_the_middle(tmp_path, loop):
    async def look(app, first):
        async with sockets(app, 3) as opened:
            await until_async(lambda: subscriptions(first, "events") == 1, "the subscription is there")
            await asyncio.to_thread(first.stop)
            status, health, _ = await asyncio.to_thread(app.ask, "GET", "/health")
            assert (status, health["status"], health["connected"]) == (503, "unhealthy", False)
            assert (await asyncio.to_thread(app.ask, "GET", "/cameras/1/status"))[0] == 503

            with await asyncio.to_thread(RedisServer, tmp_path) as second:
                await until_async(lambda: subscriptions(second, "events") == 1, "it is subscribed again")
                second.command("PUBLISH", "events", "after")
                for socket in opened:
                    notice = json.loads(await socket.recv())
                    assert notice["type"] == "gap" and notice["outage"] > 0
                    assert await socket.recv() == "after"
                posted = await asyncio.to_thread(app.ask, "POST", "/events", EVENT)
                assert posted[:2] == (200, {"status": "queued"})
                assert (await asyncio.to_thread(app.ask, "GET", "/health"))[0] == 200
                assert second.command("LLEN", "events_queue") == 1

    with RedisServer(tmp_path) as first, Uvicorn(APP, tmp_path, first.url, "--loop", loop) as app:
        run(look(app, first))


def test_a_backend_that_starts_before_redis_finds_it(tmp_path):
    with Uvicorn(APP, tmp_path, f"unix://{tmp_path}/redis.sock?db=0") as app:
        status, answer, headers = app.ask("POST", "/events", EVENT)
        assert (status, answer) == (503, {"detail": "Redis is not available"})
        assert int(headers["retry-after"]) > 0
        with RedisServer(tmp_path) as late:
            until(lambda: app.ask("GET", "/health")[0] == 200, "Redis is found")
            assert app.ask("POST", "/events", EVENT)[0] == 200
            assert late.command("LLEN", "events_queue") == 1


def test_a_socket_that_comes_while_redis_was_never_reached_is_told_to_come_later(tmp_path):
    async def look(app):
        async with websockets.connect(app.socket_url + "/ws") as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 1013

    with Uvicorn(APP, tmp_path, f"unix://{tmp_path}/redis.sock?db=0") as app:
        run(look(app))


# --- Processes --------------------------------------------------------------------------------------------------------


def test_workers_have_a_client_each_and_every_socket_sees_every_alert(server, tmp_path):  # noqa: F811
    async def look(app):
        async with contextlib.AsyncExitStack() as stack:
            opened = []

            async def both_listen():
                opened.append(await stack.enter_async_context(websockets.connect(app.socket_url + "/ws")))
                await asyncio.sleep(0.01)
                return subscriptions(server, "events") == 2

            while not await both_listen():  # until the kernel has given one to either
                assert len(opened) < 500
            for number in range(10):
                server.command("PUBLISH", "events", number)
            for socket in opened:
                assert await read(socket, 10) == [str(number) for number in range(10)]
        await until_async(lambda: subscriptions(server, "events") == 0, "the subscriptions are gone")

    with Uvicorn(APP, tmp_path, server.url, "--workers", 2) as app:
        run(look(app))
        for _ in range(50):
            assert app.ask("POST", "/events", EVENT)[0] == 200
        assert server.command("LLEN", "events_queue") == 50
    until(lambda: connections(server) == 0, "nothing of it is left in Redis")


def test_a_reload_ends_the_old_client_and_brings_a_new_one(server, tmp_path):  # noqa: F811
    folder = tmp_path / "home_security"
    shutil.copytree(HOME_SECURITY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    arguments = ("--reload", "--reload-dir", folder)
    with Uvicorn(APP, tmp_path, server.url, *arguments, directory=folder) as app:
        assert app.ask("POST", "/events", EVENT)[0] == 200
        first = client_ids(server)
        changed = folder / "backend/api/events.py"
        changed.write_text(changed.read_text().replace('"queued"', '"queued anew"'))

        def answers_anew():
            with contextlib.suppress(OSError):
                return app.ask("POST", "/events", EVENT)[1] == {"status": "queued anew"}

        until(answers_anew, "the new code answers")
        until(lambda: not first & client_ids(server), "the old client's connections are gone")
    until(lambda: connections(server) == 0, "nothing of it is left in Redis")


def client_ids(redis_server):
    own = redis_server.command("CLIENT", "ID")
    lines = redis_server.command("CLIENT", "LIST").decode().splitlines()
    return {line.split()[0] for line in lines} - {f"id={own}"}


# --- The three examples of the specification --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module, said",
    [
        ("backend.detections", [f"camera {number}: looking at /data/image.jpg" for number in (1, 2, 3)]),
        (
            "backend.api.alerts",
            ["Received: {'type': 'risk_alert', 'risk_score': 85, 'camera_id': 1, "
             "'message': 'Suspicious activity detected'} on events"],
        ),
        ("backend.api.cameras", ["camera 1: {'online': True, 'fps': 30}", "camera 2: None"]),
    ],
)
@pytest.mark.parametrize("embedded", [True, False])
def test_an_example_runs_by_itself(module, said, embedded, server):  # noqa: F811
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    environment.pop("REDIS_URL", None)
    if not embedded:
        environment["REDIS_URL"] = server.url
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=HOME_SECURITY, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said


@pytest.mark.parametrize("with_url, said", [(True, "2 passed"), (False, "1 passed, 1 skipped")])
def test_its_own_tests_run_as_the_specification_says(with_url, said, server):  # noqa: F811
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    environment.pop("REDIS_URL", None)
    if with_url:
        environment["REDIS_URL"] = server.url
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "backend/tests/unit/test_redis.py", "-v"]
    done = subprocess.run(command, cwd=HOME_SECURITY, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert said in done.stdout, done.stdout + done.stderr
