# SPDX-License-Identifier: MIT
"""`pip install ./python`: the module is built by the repository's own CMake, against the system's Boost and pybind11.

Offline it takes `--no-build-isolation`, with setuptools and wheel installed: pip fetches them otherwise.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

REPOSITORY = Path(__file__).resolve().parent.parent


class CMakeBuild(build_ext):
    def build_extension(self, ext: Extension) -> None:
        output = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        folder = Path(self.build_temp).resolve() / "cmake"
        subprocess.run(
            [
                "cmake", "-S", REPOSITORY, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", "-DREDSTART_PYTHON=ON",
                f"-DPython_EXECUTABLE={sys.executable}", f"-DREDSTART_PYTHON_OUTPUT={output}",
                *(f"-DREDSTART_{part}=OFF" for part in ("TESTS", "EXAMPLES", "BENCH", "HUB", "INSTALL")),
                *shlex.split(os.environ.get("REDSTART_CMAKE_ARGS", "")),
            ],  # fmt: skip
            check=True,
        )
        jobs = os.environ.get("REDSTART_JOBS", str(os.cpu_count() or 1))
        subprocess.run(["cmake", "--build", folder, "--target", "_redstart", "--parallel", jobs], check=True)
        if os.environ.get("REDSTART_KEEP_SYMBOLS") is None:
            subprocess.run(["strip", "--strip-unneeded", self.get_ext_fullpath(ext.name)], check=False)


setup(ext_modules=[Extension("redstart._redstart", sources=[])], cmdclass={"build_ext": CMakeBuild})
