# SPDX-License-Identifier: MIT
"""Who is measured: Redstart and its peers. Each peer is found, and its worker built, or skipped with the reason."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
INSTALLED = ROOT / "build/bench-peers"
BOOST = INSTALLED / "boost/usr/include"
NODE_MODULES = INSTALLED / "node/node_modules"
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's packages belong to it

CACHE = frozenset({"get", "set", "incr", "mget", "mix"})
ALL = CACHE | {"struct", "pairs", "pairs-lpop", "consumers", "publish", "threads"}


class Missing(Exception):
    """Why a client cannot be measured here, for the user."""


@dataclass(frozen=True)
class Client:
    name: str
    command: tuple  # of the worker, without its arguments
    kinds: frozenset  # what it can do
    most: dict = field(default_factory=dict)  # {kind: operations in flight}, where there is a limit
    kind_prefix: str = ""
    # Measured at other depths than asked for, or not at all: {asked for: measured at}.
    depths: dict = field(default_factory=dict)
    native: bool = False  # instructions can be counted
    env: dict = field(default_factory=dict)

    def depth_for(self, case, depth):
        """At how many operations in flight it takes part in a measurement; None when it does not."""
        if case.kind not in self.kinds or depth > self.most.get(case.kind, depth):
            return None
        return self.depths.get(depth) if self.depths else depth


def redstart():
    worker = ROOT / "build/release/bench/redstart-bench-worker"
    if not worker.exists():
        raise Missing("its worker is not built: `./dev build release` does it")
    return Client("redstart", (worker,), ALL, native=True)


def hiredis():
    if not Path("/usr/include/hiredis/hiredis.h").exists():
        raise Missing("libhiredis-dev is not installed")
    return Client("hiredis", (build("hiredis", ["-lhiredis"]),), CACHE, native=True)


def boost_redis():
    if not BOOST.exists():
        raise Missing("Boost 1.88 is not unpacked in build/bench-peers")
    flags = ["-isystem", BOOST, "-pthread", "-lssl", "-lcrypto"]
    return Client("boost-redis", (build("boost_redis", flags),), CACHE, native=True)


def redis_benchmark():
    if not shutil.which("redis-benchmark"):
        raise Missing("redis-benchmark is not installed (redis-tools)")
    worker = BENCH / "peers/redis_benchmark/worker.py"
    # -P 256 -c 16: what the server gives at most.
    return Client("redis-benchmark", (SYSTEM_PYTHON, worker), frozenset({"get", "set"}), depths={1000: 4096})


def redstart_python():
    found = subprocess.run([SYSTEM_PYTHON, "-c", "import redstart"], capture_output=True, check=False)
    if found.returncode:
        raise Missing("the Python package is not built: `./dev bench --python` does it")
    worker = (SYSTEM_PYTHON, BENCH / "python/redstart_worker.py")
    return Client("redstart-python", worker, frozenset({"get", "set", "struct", "pairs", "pairs-lpop"}))


def redis_py_worker():
    found = subprocess.run([SYSTEM_PYTHON, "-c", "import redis.asyncio, hiredis"], capture_output=True, check=False)
    if found.returncode:
        raise Missing("python3-redis and python3-hiredis are not installed")
    return (SYSTEM_PYTHON, BENCH / "peers/redis_py/worker.py")


def redis_py():
    # It has a connection for each task that waits, and would do nothing but connect if more read at once.
    return Client("redis-py", redis_py_worker(), ALL - {"threads"}, most=dict.fromkeys(CACHE, 1000))


def redis_py_pipeline():
    return Client("redis-py-pipeline", redis_py_worker(), frozenset({"get", "set", "incr"}), kind_prefix="pipeline-")


def on_node(name, package, kinds):
    def find():
        if not shutil.which("node"):
            raise Missing("Node.js is not installed")
        if not (NODE_MODULES / package).exists():
            raise Missing(f"the npm package {package} is not installed in build/bench-peers")
        worker = BENCH / "peers" / name.replace("-", "_") / "worker.mjs"
        return Client(name, ("node", worker), kinds, env={"BENCH_NODE_MODULES": str(NODE_MODULES)})

    return find


FINDERS = {
    "redstart": redstart,
    "hiredis": hiredis,
    "boost-redis": boost_redis,
    "redis-benchmark": redis_benchmark,
    "redstart-python": redstart_python,
    "redis-py": redis_py,
    "redis-py-pipeline": redis_py_pipeline,
    "ioredis": on_node("ioredis", "ioredis", CACHE | {"struct", "pairs-lpop", "publish"}),
    "node-redis": on_node("node-redis", "redis", CACHE | {"struct", "pairs-lpop", "publish"}),
    "glide": on_node("glide", "@valkey/valkey-glide", CACHE | {"struct", "pairs-lpop"}),
    "bullmq": on_node("bullmq", "bullmq", frozenset({"pairs"})),
}


def build(peer, flags):
    """The worker of a peer in C++, compiled as the release preset compiles Redstart; again only when it changed."""
    source = BENCH / "peers" / peer / "worker.cpp"
    binary = INSTALLED / "bin" / peer
    newest = max(path.stat().st_mtime for path in (source, *(BENCH / "worker").glob("*.hpp")))
    if binary.exists() and binary.stat().st_mtime > newest:
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-std=c++20", "-O2", "-DNDEBUG", "-I", BENCH, source, "-o", binary, *flags]
    print(f"building the worker of {peer}", flush=True)
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(f"cannot build its worker: {error}") from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise Missing("cannot build its worker:\n  " + "\n  ".join(errors[:5]))
    return binary
