# SPDX-License-Identifier: MIT
"""Runs workers: one process a measurement, which says in one line of JSON what it did."""

import json
import os
import re
import statistics
import subprocess

from servers import die_with_parent


class WorkerFailed(Exception):
    pass


def run_worker(server, client, case, depth, seconds, operations=0, under=()):
    """One measurement. `under` is a program that the worker is run with."""
    arguments = (server.host, server.port, client.kind_prefix + case.kind, depth, case.size, seconds, operations)
    command = [str(word) for word in (*under, *client.command, *arguments)]
    server.command("DEL", "bench:queue")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60 + 10 * seconds + (600 if under else 0),
            check=False,
            env=os.environ | client.env,
            preexec_fn=die_with_parent,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkerFailed("it did not end") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise WorkerFailed(said[-1])
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["operations"] <= 0:
        raise WorkerFailed("it completed nothing in its time")
    return result, done.stderr


def figures_of(result):
    return {
        "ops_per_s": result["operations"] / result["seconds"],
        "cpu_us_per_op": result["cpu_seconds"] * 1e6 / result["operations"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "p999_us": result["p999_us"],
        "peak_rss_kib": result["peak_rss_kib"],
        **result["notes"],
    }


def summary_of(results):
    """The median of each figure, and how far the operations a second went."""
    figures = [figures_of(result) for result in results]
    rates = [each["ops_per_s"] for each in figures]
    middle = {name: statistics.median(each[name] for each in figures) for name in figures[0]}
    return middle | {"ops_min": min(rates), "ops_max": max(rates)}


def instructions_per_operation(server, client, case, depth):
    """Counted by callgrind for some operations and for twice as many: the difference is free of start-up."""
    count = max(20_000, 5 * depth)
    counted = []
    for operations in (count, 2 * count):
        under = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
        _, said = run_worker(server, client, case, depth, 0, operations, under)
        found = re.search(r"Collected : (\d+)", said)
        if not found:
            raise WorkerFailed("callgrind did not say what it counted")
        counted.append(int(found[1]))
    return (counted[1] - counted[0]) / count
