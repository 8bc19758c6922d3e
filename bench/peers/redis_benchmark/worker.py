#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""redis-benchmark: how much the server itself can answer. It hands its replies to nobody, so this is the limit of a
client, not a peer of one."""

import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def run(host, port, command, in_flight, operations):
    """One run; returns its CSV row, its CPU seconds and its peak memory."""
    pipeline = min(256, in_flight)
    arguments = ["redis-benchmark", "-h", host, "-p", port, "-P", pipeline, "-c", in_flight // pipeline]
    arguments += ["-n", operations, "--csv", *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([str(word) for word in arguments], stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        # Until exec it is this program, and rusage would say how large that is.
        status = Path(f"/proc/{process.pid}/status").read_text()
        if "Name:\tredis-benchmark" in status and "VmHWM:" in status:
            peak = int(status.split("VmHWM:")[1].split()[0])
        time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = [row for row in csv.DictReader(process.stdout) if row["rps"] != "rps"]
    if process.returncode or not rows:
        sys.exit(f"redis-benchmark ended with status {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return rows[-1], cpu, peak


def main():
    host, port, kind, in_flight, size, seconds, _ = sys.argv[1:]
    in_flight, size, seconds = int(in_flight), int(size), float(seconds)
    command = {
        "get": ["GET", "bench:key"],
        "set": ["SET", "bench:key", "x" * size],
        "incr": ["INCR", "bench:counter"],
    }[kind]
    row, _, _ = run(host, port, command, in_flight, 200_000 if in_flight > 1 else 10_000)
    operations = max(1, int(float(row["rps"]) * seconds))
    row, cpu, peak = run(host, port, command, in_flight, operations)
    rate = float(row["rps"])
    result = {"operations": operations, "seconds": operations / rate, "cpu_seconds": cpu, "peak_rss_kib": peak}
    result |= {"p50_us": float(row["p50_latency_ms"]) * 1e3, "p99_us": float(row["p99_latency_ms"]) * 1e3}
    # It does not say; the next that it does is the slowest of all.
    result |= {"p999_us": float(row["max_latency_ms"]) * 1e3, "notes": {}}
    print(json.dumps(result))


main()
