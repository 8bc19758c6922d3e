# SPDX-License-Identifier: MIT
"""What the measurements of the hub share: servers of their own on loopback, what those cost, a minimal Redis client.

Everything that is started here is ended by its process id when its `with` block ends, and by the kernel when the
measuring program itself is killed.
"""

import argparse
import ctypes
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_HUB = ROOT / "build/release/apps/hub/redstart-hub"
STOP_LIMIT = 30  # seconds; the hub gives its requests and its workers ten each

_LISTENING = re.compile(r"listening on http://([0-9.]+):(\d+)")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """The measurement cannot go on, or found something wrong: the text is for the user."""


def die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, which may hold spaces; None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def descendants(pid):
    """`pid` and every living process below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cores_busy():
    """CPU seconds that this machine has spent on anything at all."""
    numbers = [int(n) for n in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / _TICKS  # all but idle and waiting for disks


class Process:
    """A child process with its output in a file; a context manager that ends it."""

    def __init__(self, name, command, log, nofile=None):
        def prepare():
            die_with_parent()
            if nofile:
                raise_nofile(nofile)

        self.name = name
        self._log = Path(log)
        with open(self._log, "wb") as output:
            try:
                self._process = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=prepare,
                )
            except OSError as error:
                raise Failure(f"cannot start {name}: {error}") from error
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end within {STOP_LIMIT} s of SIGTERM and was killed", file=sys.stderr)
            self._process.kill()
            self._process.wait()

    def cpu(self):
        """CPU seconds used so far, by user and system, children included."""
        return sum(int(f[11]) + int(f[12]) for pid in descendants(self.pid) if (f := stat_fields(pid))) / _TICKS

    def rss(self):
        """Resident bytes of the process itself."""
        fields = stat_fields(self.pid)
        if not fields:
            raise self.ended()
        return int(fields[21]) * _PAGE

    def output(self):
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ended(self):
        tail = "\n".join("    " + line for line in self.output().splitlines()[-15:])
        return Failure(f"{self.name} ended with status {self._process.poll()}; the end of its output:\n{tail}")

    def wait_for(self, ready, what, seconds=20):
        """Returns what `ready` returns as soon as that is not None."""
        limit = time.monotonic() + seconds
        while True:
            if (result := ready()) is not None:
                return result
            if self._process.poll() is not None:
                raise self.ended()
            if time.monotonic() > limit:
                raise Failure(f"{self.name}: {what} took more than {seconds} s; its output:\n{self.output()}")
            time.sleep(0.02)


class RedisServer(Process):
    """A redis-server without persistence, on a unix socket or a free port of the loopback."""

    def __init__(self, folder, by="unix"):
        path = Path(folder) / "redis.sock"
        port = 0
        if by == "tcp":
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0" if port else f"unix://{path}?db=0"
        self._address = path
        self._socket = None
        self._file = None
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket", path, "--dir", folder]
        super().__init__("redis-server", command + ["--save", "", "--appendonly", "no"], Path(folder) / "redis.log")
        try:
            self.wait_for(self._connect, "starting")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self._socket:
            self._socket.close()
        super().stop()

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._address))
        except OSError:
            connection.close()
            return None
        connection.settimeout(20)
        self._socket, self._file = connection, connection.makefile("rb")
        return True

    def command(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded)] + [b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded]
        self._socket.sendall(b"".join(parts))
        return self._reply(words[0])

    def _reply(self, asked):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise Failure(f"redis-server closed the connection during {asked}")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Failure(f"redis-server answered {asked} with: {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply(asked) for _ in range(int(rest))]
        return rest


class HttpServer(Process):
    """A server that prints `listening on http://ADDRESS:PORT`, as the hub and its peers do."""

    def __init__(self, name, command, folder, nofile=None):
        super().__init__(name, command, Path(folder) / f"{name}.log", nofile)
        try:
            self.host, self.port = self.wait_for(self._address, "saying where it listens")
            self.wait_for(self._answers, "answering GET /health")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def _address(self):
        match = _LISTENING.search(self.output())
        # A line still being written would give half a port.
        return (match[1], int(match[2])) if match and "\n" in self.output()[match.end() :] else None

    def _answers(self):
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                return True if connection.recv(12).startswith(b"HTTP/1.1 200") else None
        except OSError:
            return None


def find_hub(options):
    binary = Path(options.hub).resolve()
    if not os.access(binary, os.X_OK) or binary.is_dir():
        raise Failure(f"there is no hub at {binary}: `./dev build release` makes it, --hub PATH names another")
    return binary


def start_hub(options, redis, folder, workers, nofile=None, more=()):
    """The hub under test, on a free port and the given Redis, with `more` arguments."""
    binary = find_hub(options)
    command = [binary, "--listen", "127.0.0.1:0", "--redis", redis.url, "--workers", workers, *more]
    return HttpServer("hub", command + shlex.split(options.hub_args), folder, nofile)


def add_server_options(parser):
    parser.add_argument("--hub", default=DEFAULT_HUB, help="the redstart-hub to measure (default: the release build)")
    parser.add_argument("--hub-args", default="", metavar="TEXT", help="more arguments for the hub, as one text")
    parser.add_argument("--redis-by", choices=("unix", "tcp"), default="unix", help="how servers reach Redis")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="a short run that shows that all works")


def positive(text):
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def raise_nofile(wanted):
    """Raises this process's limit of open files to at least `wanted`, if that is allowed."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (OSError, ValueError) as error:
        if hard < wanted:
            raise Failure(f"{wanted} open files are needed and {hard} allowed (ulimit -Hn): {error}") from error
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run_main(main):
    """Runs `main`; SIGTERM unwinds it, so that what it started ends, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
