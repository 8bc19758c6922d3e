#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""POST /events: how many requests a second the hub takes, beside FastAPI + uvicorn + redis-py in the same run.

The two are measured in turns (peer, hub, peer, hub, ...), each started afresh on an empty redis-server of this
program's own, so that what else the machine does hits both alike. Before each measurement, a few hundred different
events are posted and must stand in the queue, each once and as posted; after it, the queue must have grown by what was
answered.
"""

import argparse
import contextlib
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from servers import (
    ROOT,
    Failure,
    HttpServer,
    RedisServer,
    add_server_options,
    cores_busy,
    die_with_parent,
    find_hub,
    positive,
    run_main,
    start_hub,
)

PEER = ROOT / "bench/peers/fastapi_events/app.py"
POST = ROOT / "bench/hub/post.lua"
QUEUE = "detections"


def start_peer(options, redis, folder, client="redis-py"):
    command = ["/usr/bin/python3", PEER, "--listen", "127.0.0.1:0", "--redis", redis.url, "--client", client]
    return HttpServer("peer", command + ["--processes", options.peer_processes], folder)


STARTERS = {
    "peer": start_peer,
    "hub": lambda options, redis, folder: start_hub(options, redis, folder, workers=0),
    "python": lambda options, redis, folder: start_peer(options, redis, folder, client="redstart"),
}


# --- Correctness ------------------------------------------------------------------------------------------------------


def posted_event(number):
    return {
        "camera_id": number if number % 2 else f"cam-{number}",
        "timestamp": "2024-01-01T12:00:00",
        "objects": ["person", "Straßenkatze \u2028 \"x\""][: number % 3],
        "sequence": number,
    }


def post_numbers(server, numbers, answers):
    """Posts an event a number over one connection; appends (status, body) to `answers`."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        for number in numbers:
            body = json.dumps(posted_event(number), ensure_ascii=number % 5 == 0)
            connection.request("POST", "/events", body.encode(), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answers.append((response.status, response.read()))
    except (OSError, http.client.HTTPException) as error:
        answers.append((0, repr(error).encode()))
    finally:
        connection.close()


def check_events(server, redis, count=400, connections=8):
    """Posts `count` different events: each must be answered as the specification says and stand in the queue once."""
    answers = []
    threads = [
        threading.Thread(target=post_numbers, args=(server, range(first, count, connections), answers))
        for first in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for status, body in answers:
        if status != 200:
            raise Failure(f"{server.name} answered an event with {status}: {body.decode(errors='replace')}")
    bodies = [json.loads(body) for _, body in answers]
    if any(body.get("status") != "queued" for body in bodies):
        raise Failure(f"{server.name} answered something else than queued: {bodies[0]}")
    if sorted(body.get("queue_length", 0) for body in bodies) != list(range(1, count + 1)):
        raise Failure(f"{server.name}: the queue lengths it answered are not 1 to {count}, each once")
    stored = sorted((json.loads(item) for item in redis.command("LRANGE", QUEUE, 0, -1)), key=lambda e: e["sequence"])
    wanted = [posted_event(number) for number in range(count)]
    # The peer's model writes the defaults of optional fields, so only what was posted is compared.
    as_posted = [{key: event.get(key) for key in posted} for event, posted in zip(stored, wanted)]
    if len(stored) != count or as_posted != wanted:
        raise Failure(f"{server.name}: the {len(stored)} events in the queue are not the {count} that were posted")


def settled_length(redis, at_least):
    """The length of the queue once nothing is added any more: wrk leaves with requests on their way."""
    limit = time.monotonic() + 10
    length = redis.command("LLEN", QUEUE)
    while True:
        time.sleep(0.1)
        before, length = length, redis.command("LLEN", QUEUE)
        if (length == before and length >= at_least) or time.monotonic() > limit:
            return length


# --- Measuring --------------------------------------------------------------------------------------------------------


def run_wrk(server, options, seconds):
    command = ["wrk", "-t1", f"-c{options.connections}", f"-d{seconds}s", "-s", str(POST), f"{server.url}/events"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, check=False, preexec_fn=die_with_parent
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"requests"')]
    if done.returncode or not lines:
        raise Failure(f"wrk failed with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(lines[0])


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name, options):
    """One server, started, checked, warmed up and measured; the figures of that run."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="events-rate-"))
        redis = stack.enter_context(RedisServer(folder, options.redis_by))
        server = stack.enter_context(STARTERS[name](options, redis, folder))
        check_events(server, redis)
        warm = run_wrk(server, options, 1)
        settled_length(redis, warm["requests"] - warm["refused"])
        redis.command("UNLINK", QUEUE)

        def spent():
            return {"server": server.cpu(), "redis": redis.cpu(), "wrk": children_cpu(), "all": cores_busy()}

        before, began = spent(), time.monotonic()
        result = run_wrk(server, options, options.seconds)
        after, took = spent(), time.monotonic() - began
        accepted = result["requests"] - result["refused"]
        grown = settled_length(redis, accepted)
    if not accepted:
        raise Failure(f"{name} accepted none of {result['requests']} requests")
    used = {who: after[who] - before[who] for who in before}
    ours = used["server"] + used["redis"] + used["wrk"]
    return {
        "requests_per_s": result["requests"] / result["duration_us"] * 1e6,
        "accepted": accepted,
        "queue_grew": grown,
        # What wrk left on its way may or may not have been queued: one request a connection at most.
        "counts_match": accepted <= grown <= accepted + options.connections,
        "refused": result["refused"],
        "socket_errors": result["socket_errors"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "max_us": result["max_us"],
        **{f"{who}_cpu_us": used[who] / grown * 1e6 for who in ("server", "redis", "wrk")},
        "other_cores": max(0.0, (used["all"] - ours) / took),
    }


def problems(name, number, run):
    if not run["counts_match"]:
        yield f"{name}, run {number}: {run['accepted']} accepted, but the queue grew by {run['queue_grew']}"
    if run["refused"]:
        yield f"{name}, run {number}: {run['refused']} answers were not 2xx"
    if run["socket_errors"]:
        yield f"{name}, run {number}: {run['socket_errors']} connections failed or timed out"


# --- Telling ----------------------------------------------------------------------------------------------------------


def print_table(runs):
    heads = ("", "req/s median", "min", "max", "p50 us", "p99 us", "server CPU us/req", "redis", "wrk", "others, cores")
    print("{:6} {:>12} {:>9} {:>9} {:>8} {:>8} {:>18} {:>7} {:>7} {:>14}".format(*heads))
    for name, taken in runs.items():
        middle = {key: statistics.median(run[key] for run in taken) for key in taken[0]}
        rates = [run["requests_per_s"] for run in taken]
        print(
            f"{name:6} {middle['requests_per_s']:12.0f} {min(rates):9.0f} {max(rates):9.0f} {middle['p50_us']:8.0f}"
            f" {middle['p99_us']:8.0f} {middle['server_cpu_us']:18.2f} {middle['redis_cpu_us']:7.2f}"
            f" {middle['wrk_cpu_us']:7.2f} {middle['other_cores']:14.2f}"
        )


def compare(runs, name):
    """hub (or another) / peer: of the medians, and the range of the pairs that were measured one after the other."""
    peer, hub = runs["peer"], runs[name]
    pairs = [mine["requests_per_s"] / theirs["requests_per_s"] for theirs, mine in zip(peer, hub)]
    rate = statistics.median(r["requests_per_s"] for r in hub) / statistics.median(r["requests_per_s"] for r in peer)
    cpu = statistics.median(r["server_cpu_us"] for r in peer) / statistics.median(r["server_cpu_us"] for r in hub)
    return {"requests": rate, "requests_min": min(pairs), "requests_max": max(pairs), "server_cpu": cpu}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add_server_options(parser)
    parser.add_argument("--rounds", type=positive, default=3, help="measurements of each server (default 3)")
    parser.add_argument("--seconds", type=positive, default=5, help="how long each takes (default 5)")
    parser.add_argument("--connections", type=positive, default=32, help="of wrk (default 32)")
    parser.add_argument("--peer-processes", type=positive, default=1, help="of uvicorn (default 1)")
    parser.add_argument("--python", action="store_true", help="the peer with the package redstart in the hub's place")
    parser.add_argument("--only", choices=tuple(STARTERS), help="measure one server alone")
    parser.add_argument("--require", type=float, metavar="RATIO", help="fail when hub (or python) / peer is below this")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if options.only and options.require:
        parser.error("--require compares two servers, --only measures one")
    if not shutil.which("wrk"):
        raise Failure("wrk is missing: apt-get install wrk")

    other = "python" if options.python else "hub"
    names = (options.only,) if options.only else ("peer", other)
    if "hub" in names:
        find_hub(options)  # missing: said before minutes of measuring the peer
    runs = {name: [] for name in names}
    wrong = []
    print(
        f"POST /events, wrk -t1 -c{options.connections} -d{options.seconds}s, {options.rounds} rounds,"
        f" {os.cpu_count()} cores; Redis by {options.redis_by}, peer with {options.peer_processes} process(es)"
    )
    for number in range(1, options.rounds + 1):
        for name in names:
            run = measure(name, options)
            runs[name].append(run)
            wrong += problems(name, number, run)
    print_table(runs)
    ratio = None if options.only else compare(runs, other)
    if ratio:
        print(
            f"{other} / peer: {ratio['requests']:.2f} times the requests a second (pairs: {ratio['requests_min']:.2f} to"
            f" {ratio['requests_max']:.2f}), {ratio['server_cpu']:.2f} times the requests for the server's same CPU"
        )
    if options.json:
        text = json.dumps({"runs": runs, "ratio": ratio, "problems": wrong}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    if ratio and options.require and ratio["requests"] < options.require:
        wrong.append(f"{other} / peer is {ratio['requests']:.2f}, required is {options.require:g}")
    for line in wrong:
        print(f"WRONG: {line}")
    if not wrong:
        print("every event accepted stands in the queue, no other answer than 2xx")
    return 1 if wrong else 0


if __name__ == "__main__":
    run_main(main)
