# SPDX-License-Identifier: MIT
"""The programs that the documentation quotes."""

import os
import subprocess
import sys

import pytest
from web_support import LIMIT, ROOT, server  # noqa: F401

PROGRAMS = sorted((ROOT / "examples/python").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program_runs(program, server):  # noqa: F811
    if program.stem == "from_redis_py":
        pytest.importorskip("redis")
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path), "REDIS_URL": server.url}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert server.command("DBSIZE") == 0, "it cleans up"


def test_the_quickstart_needs_no_server():
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    environment.pop("REDIS_URL", None)
    quickstart = ROOT / "examples/python/quickstart.py"
    done = subprocess.run([sys.executable, quickstart], env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, "camera 1 saw a person\n"), done.stderr
