#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the dashboard's files, and those of its npm packages, into a C++ source.

Usage: embed_dashboard.py DASHBOARD WORK OUTPUT

The packages come from DASHBOARD/node_modules when somebody works on the page, otherwise from `npm ci` in WORK. Where
npm is missing or cannot reach its registry, the program is built all the same, with a page that says what to do.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
NOT_SERVED = {"package.json", "package-lock.json", "vendor.json"}
PLACEHOLDER = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Redstart hub</title>
<h1>The dashboard was left out of this build</h1>
<p>Its packages could not be installed. With npm and a network, build again: <code>./dev build</code>.
The hub itself works: <a href="/api">its routes</a>.
"""


def installed_packages(dashboard, work):
    """The node_modules to take the packages from, or None."""
    if (dashboard / "node_modules").is_dir():
        return dashboard / "node_modules"
    lock = dashboard / "package-lock.json"
    stamp = work / "installed"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return work / "node_modules"
    npm = shutil.which("npm")
    if npm is None:
        print("hub: npm is not installed: the dashboard is left out", file=sys.stderr)
        return None
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        if (dashboard / name).is_file():
            shutil.copy(dashboard / name, work / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("hub: npm ci failed: the dashboard is left out\n" + done.stderr[-2000:], file=sys.stderr)
        return None
    stamp.write_bytes(lock.read_bytes())
    return work / "node_modules"


def collect(dashboard, packages):
    """path -> bytes of every file that is served."""
    files = {}
    for path in sorted(dashboard.rglob("*")):
        name = path.relative_to(dashboard)
        if path.is_file() and path.suffix in TYPES and name.parts[0] != "node_modules" and path.name not in NOT_SERVED:
            files[name.as_posix()] = path.read_bytes()
    for name, path in json.loads((dashboard / "vendor.json").read_text(encoding="utf-8")).items():
        files["vendor/" + name] = (packages / path).read_bytes()
    return files


def script_hashes(page):
    """The inline scripts of a page as sources of a content security policy."""
    found = re.findall(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    return ["'sha256-%s'" % base64.b64encode(hashlib.sha256(text).digest()).decode() for text in found]


def literal(data):
    """The bytes as one string literal over many lines."""
    lines = []
    for at in range(0, len(data), 96):
        piece = data[at : at + 96]
        text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else "\\%03o" % b for b in piece)
        lines.append('    "%s"' % text)
    return "\n".join(lines) or '    ""'


def main():
    dashboard, work, output = (Path(argument) for argument in sys.argv[1:])
    packages = installed_packages(dashboard, work)
    files = collect(dashboard, packages) if packages else {"index.html": PLACEHOLDER.encode()}
    entries = []
    for name, data in files.items():
        tag = hashlib.sha256(data).hexdigest()[:16]
        entries.append(
            '    {"%s", "%s", "\\"%s\\"",\n     std::string_view(\n%s,\n         %d)},\n'
            % (name, TYPES[Path(name).suffix], tag, literal(data), len(data))
        )
    text = (
        "// Made by embed_dashboard.py.\n"
        '#include "dashboard.hpp"\n\n'
        "namespace hub {\n\n"
        "namespace {\n"
        "constexpr dashboard_file all[] = {\n" + "".join(entries) + "};\n"
        "}  // namespace\n\n"
        "std::span<const dashboard_file> dashboard_files() { return all; }\n\n"
        'std::string_view dashboard_script_sources() { return "%s"; }\n\n'
        "}  // namespace hub\n" % " ".join(script_hashes(files["index.html"]))
    )
    output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
