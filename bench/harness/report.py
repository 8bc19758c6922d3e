# SPDX-License-Identifier: MIT
"""What is told: a table that grows as cases end, a progress bar, and the file of figures."""

import json
import os
import platform
import re
import shutil
import sys
import time
from pathlib import Path

COLUMNS = ("client", "in flight", "ops/s", "min", "max", "CPU us/op", "p50 us", "p99 us", "p99.9 us", "peak MiB")
ROW = "  {:18} {:>9} {:>11} {:>11} {:>11} {:>10} {:>9} {:>9} {:>9} {:>9}"
NOTES = {"bytes_each": "{:,.0f} bytes a consumer", "instructions": "{:,.0f} instructions/op"}
FIELDS = ("ops_per_s", "cpu_us_per_op", "p50_us", "p99_us", "peak_rss_kib")


def print_case(case):
    print(f"\n{case.name}: {case.title}\n" + ROW.format(*COLUMNS), flush=True)


def print_row(client, depth, row):
    rates = (f"{row[name]:,.0f}" for name in ("ops_per_s", "ops_min", "ops_max"))
    times = (f"{row[name]:,.0f}" for name in ("p50_us", "p99_us", "p999_us"))
    cpu, peak = f"{row['cpu_us_per_op']:.3f}", f"{row['peak_rss_kib'] / 1024:.1f}"
    notes = [text.format(row[name]) for name, text in NOTES.items() if name in row]
    print(ROW.format(client, f"{depth:,}", *rates, cpu, *times, peak) + "".join("   " + note for note in notes))
    sys.stdout.flush()


class Progress:
    """A bar on the terminal, below the table; nothing where there is no terminal."""

    def __init__(self, steps):
        self._steps, self._done, self._began = max(steps, 1), 0, time.monotonic()
        self._shown = sys.stderr.isatty()

    def show(self, text):
        if not self._shown:
            return
        part = self._done / self._steps
        bar = "#" * round(24 * part) + "-" * (24 - round(24 * part))
        left = (time.monotonic() - self._began) * (1 / part - 1) if part else 0
        line = f"[{bar}] {100 * part:3.0f}%  {left:4.0f} s left  {text}" if part else f"[{bar}]  {text}"
        sys.stderr.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()

    def step(self):
        self._done += 1

    def hide(self):
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def machine(redis):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    server = re.search(r"redis_version:(\S+)", redis.command("INFO", "server").decode())
    return (
        f"{os.cpu_count()} cores of {cpu[1] if cpu else platform.machine()}, {memory / 2**20:.0f} GiB,"
        f" {system[1] if system else platform.system()}, Linux {platform.release()}, redis-server {server[1]},"
        f" {time.strftime('%Y-%m-%d')}"
    )


def write_json(path, machine_text, rows):
    """`rows`: {(case, client, depth): figures}."""
    results = [
        {"case": case, "client": client, "in_flight": depth}
        | {name: round(row[name], 4 if name == "cpu_us_per_op" else 1) for name in FIELDS}
        for (case, client, depth), row in rows.items()
    ]
    lines = ",\n  ".join(json.dumps(result) for result in results)
    Path(path).write_text(f'{{"machine": {json.dumps(machine_text)}, "results": [\n  {lines}\n]}}\n')
