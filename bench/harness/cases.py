# SPDX-License-Identifier: MIT
"""What is measured: each case once for each number of operations in flight."""

from dataclasses import dataclass

DEPTHS = (1, 16, 64, 256, 1000, 10000)


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    kind: str  # what a worker is told to do; see bench/README.md
    size: int  # bytes of a value; subscriptions of `publish`, threads of `threads`
    depths: tuple
    quick: tuple  # the depths of a quick run
    quick_peers: tuple = ()  # at which of these a quick run measures the peers, too


CASES = (
    Case("get", "GET, 64 B", "get", 64, DEPTHS, (1, 64, 1000), quick_peers=(64, 1000)),
    Case("set", "SET, 64 B", "set", 64, DEPTHS, (64,)),
    Case("get-1KiB", "GET, 1 KiB", "get", 1024, (64,), (64,)),
    Case("get-64KiB", "GET, 64 KiB", "get", 64 * 1024, (16,), (16,)),
    Case("get-1MiB", "GET, 1 MiB", "get", 1024 * 1024, (4,), (4,)),
    Case("mget-100", "MGET of 100 keys, 64 B each", "mget", 64, (64,), (64,)),
    Case("incr", "INCR", "incr", 64, (64,), (64,)),
    Case("mix", "80% GET, 20% SET, 100,000 keys, 64 B", "mix", 64, (1000,), (1000,)),
    Case("struct", "set and get of a struct as JSON", "struct", 64, (64,), (64,)),
    Case("queue-pairs", "add_to_queue and waiting get_from_queue", "pairs", 64, (64,), (64,), quick_peers=(64,)),
    Case("queue-pairs-lpop", "add_to_queue and get_from_queue at once", "pairs-lpop", 64, (64,), (64,)),
    Case("consumers-waiting", "consumers that wait, then are all served", "consumers", 64, (10000,), (10000,)),
    Case("publish-1", "publish to 1 subscription", "publish", 1, (16,), (16,)),
    Case("publish-10", "publish to 10 subscriptions", "publish", 10, (16,), (16,)),
    Case("publish-1000", "publish to 1,000 subscriptions", "publish", 1000, (16,), (16,)),
    Case("threads-1", "GET, 64 B, from 1 foreign thread", "threads", 1, (1000,), (1000,)),
    Case("threads-4", "GET, 64 B, from 4 foreign threads", "threads", 4, (1000,), (1000,)),
)
# What the Python package is measured by, beside redis-py: {name: operations in flight}
PYTHON = {"get": (1, 64), "set": (64,), "struct": (64,), "queue-pairs": (1, 64), "queue-pairs-lpop": (64,)}
BY_NAME = {case.name: case for case in CASES}

# Same in every worker.
MGET_KEYS = 100
MIX_KEYS = 100_000


def prepare(redis, case):
    """Fills the server with what the case reads."""
    redis.command("FLUSHALL")
    if case.kind in ("get", "threads"):
        redis.command("SET", "bench:key", b"x" * (64 if case.kind == "threads" else case.size))
    if case.kind in ("mget", "mix"):
        keys = MGET_KEYS if case.kind == "mget" else MIX_KEYS
        script = "for i = 0, ARGV[1] - 1 do redis.call('SET', 'bench:key:' .. i, ARGV[2]) end"
        redis.command("EVAL", script, 0, keys, b"x" * case.size)
