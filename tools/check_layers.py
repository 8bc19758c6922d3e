#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that no layer of Redstart reaches what lies below it.

Two checks, because neither alone is enough:

- The text: every #include of src/, include/, apps/, examples/ and python/ obeys the order in LAYERS; the layers in PURE
  name headers of the C++ standard library only.
- The compiler: for every file of the layers in PURE, the compiler itself lists all files it reads (-M), so that Boost or
  OpenSSL reached through any number of headers is found too.

Usage: check_layers.py [--compiler c++] ROOT
       check_layers.py [--compiler c++] --self-test
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# layer -> the layers it may include, beside itself and the public headers.
LAYERS = {
    "resp": set(),
    "core": {"resp"},
    "net": {"resp", "core"},
    "embedded": {"resp", "core", "net"},
    "client": {"resp", "core", "net", "embedded"},
    "web": {"resp", "core", "net", "embedded", "client"},
}
# Layers made of the standard library alone.
PURE = ("resp", "core")
# Folders that see the public headers and their own files.
USERS = ("apps", "examples", "python")

SUFFIXES = {".hpp", ".cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
STANDARD_HEADER = re.compile(r"^[a-z0-9_]+$")  # <vector>, <cstdint>; not <sys/socket.h>
FOREIGN = re.compile(r"/(boost|openssl)/")


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES) if folder.is_dir() else []


def includes(path):
    """(line number, True for "…" or False for <…>, name) of each #include."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def text_problem(root, path, quoted, name):
    """What is wrong with `#include` of `name` in `path`, or None."""
    parts = path.relative_to(root).parts
    head = name.split("/")[0]
    if ".." in name.split("/"):
        return "leaves its folder with '..'; name the header from the include root"
    private = head in LAYERS or head == "src"

    if parts[0] == "include":
        if private or (quoted and head != "redstart"):
            return "a public header may include public headers only"
    elif parts[0] in USERS:
        if private and not (path.parent / name).is_file():
            return f"{parts[0]}/ may include public headers only"
    elif parts[0] == "src" and len(parts) > 2:
        layer = parts[1]
        if layer not in LAYERS:
            return f"'{layer}' is no layer that tools/check_layers.py knows"
        if head in LAYERS and head != layer and head not in LAYERS[layer]:
            return f"layer '{layer}' may not include layer '{head}', only: {', '.join(sorted(LAYERS[layer])) or 'none'}"
        if quoted and head not in LAYERS and head != "redstart":
            return "is neither a public header nor named by its layer"
        if layer in PURE and not quoted and not STANDARD_HEADER.match(name):
            return f"layer '{layer}' uses the C++ standard library only"
    return None


def check_text(root):
    for top in ("include", "src", *USERS):
        for path in sources(root / top):
            for number, quoted, name in includes(path):
                problem = text_problem(root, path, quoted, name)
                if problem:
                    yield f"{path.relative_to(root)}:{number}: {name}: {problem}"


def compile_command(root, compiler, path, *options):
    # -w: what the compiler thinks of the code, and of a header as a main file, the build itself says.
    return [compiler, "-std=c++20", "-w", f"-I{root}/include", f"-I{root}/src", *options, "-x", "c++", str(path)]


def dependencies(root, compiler, path):
    """Every file the compiler reads for `path`, without `path`."""
    result = subprocess.run(compile_command(root, compiler, path, "-M"), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip())
    rule = result.stdout.replace("\\\n", " ").split(": ", 1)[1].strip()
    names = re.split(r"(?<!\\)\s+", rule)  # spaces within names are escaped
    return [os.path.realpath(name.replace("\\ ", " ")) for name in names[1:]]


def include_chain(root, compiler, path, target):
    """The headers that lead from `path` to `target`, as the compiler's -H tells."""
    result = subprocess.run(
        compile_command(root, compiler, path, "-E", "-H", "-o", os.devnull), capture_output=True, text=True, check=False
    )
    chain = []
    for line in result.stderr.splitlines():
        match = re.match(r"^(\.+)[!x]? (.+)$", line)
        if match:
            del chain[len(match[1]) - 1 :]
            chain.append(os.path.realpath(match[2]))
            if chain[-1] == target:
                return chain
    return [target]


def compiler_problem(root, compiler, path):
    """How `path` reaches what its layer must not reach, or None."""
    layer = path.relative_to(root).parts[1]
    allowed = tuple(f"{root}/{folder}/" for folder in ("include", f"src/{layer}", *(f"src/{n}" for n in LAYERS[layer])))
    try:
        names = dependencies(root, compiler, path)
    except RuntimeError as error:
        return f"{path.relative_to(root)}: the compiler cannot list what it includes:\n{error}"
    for name in names:
        inside = name.startswith(f"{root}/")
        if (inside and not name.startswith(allowed)) or (not inside and FOREIGN.search(name)):
            chain = include_chain(root, compiler, path, name)
            steps = "".join(f"\n    -> {step.removeprefix(f'{root}/')}" for step in chain)
            return f"{path.relative_to(root)}: layer '{layer}' reaches what it must not:{steps}"
    return None


def check_compiler(root, compiler):
    paths = [path for layer in PURE for path in sources(root / "src" / layer)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(lambda path: compiler_problem(root, compiler, path), paths))


def check(root, compiler):
    root = Path(os.path.realpath(root))
    return [*check_text(root), *check_compiler(root, compiler)]


# --- Self-test: each rule is broken once ------------------------------------------------------------------------------

CLEAN = {
    "include/redstart/reply.hpp": "#pragma once\n#include <string>\n",
    "src/resp/reader.hpp": '#pragma once\n#include "redstart/reply.hpp"\n',
    "src/core/session.cpp": '#include "resp/reader.hpp"\n#include <vector>\n',
    "src/net/stream.cpp": '#include "core/line.hpp"\n#include <boost/asio/io_context.hpp>\n#include <sys/socket.h>\n',
    "src/core/line.hpp": "#pragma once\n",
    "examples/cache.cpp": '#include "redstart/reply.hpp"\n#include <boost/asio.hpp>\n',
    "apps/hub/main.cpp": '#include "routes.hpp"\n#include "redstart/reply.hpp"\n',
    "apps/hub/routes.hpp": "#pragma once\n",
}

# What the report must contain, and the files that break the rule.
VIOLATIONS = [
    ("src/resp/reader.cpp:1: core/line.hpp: layer 'resp' may not", {"src/resp/reader.cpp": '#include "core/line.hpp"\n'}),
    ("layer 'core' may not include layer 'net'", {"src/core/a.cpp": '#include "net/a.hpp"\n', "src/net/a.hpp": ""}),
    ("layer 'net' may not include layer 'client'", {"src/net/a.cpp": '#include "client/a.hpp"\n'}),
    ("layer 'client' may not include layer 'web'", {"src/client/a.cpp": '#include "web/a.hpp"\n'}),
    ("layer 'embedded' may not include layer 'web'", {"src/embedded/a.cpp": '  #  include "web/a.hpp"\n'}),
    ("src/net/a.cpp:1: client/a.hpp: layer 'net' may not", {"src/net/a.cpp": "#include <client/a.hpp>\n"}),
    ("src/core/a.cpp:1: sys/socket.h: layer 'core' uses the C++", {"src/core/a.cpp": "#include <sys/socket.h>\n"}),
    ("src/core/a.cpp:1: unistd.h: layer 'core' uses the C++", {"src/core/a.cpp": "#include <unistd.h>\n"}),
    ("boost/version.hpp: layer 'resp' uses", {"src/resp/a.hpp": "#include <boost/version.hpp>\n"}),
    (
        "src/core/a.cpp: layer 'core' reaches what it must not:\n    -> include/redstart/deep.hpp\n"
        "    -> include/redstart/deeper.hpp\n    -> /usr/include/boost/version.hpp",
        {
            "src/core/a.cpp": '#include "redstart/deep.hpp"\n',
            "include/redstart/deep.hpp": '#include "redstart/deeper.hpp"\n',
            "include/redstart/deeper.hpp": "#include <boost/version.hpp>\n",
        },
    ),
    (
        "src/resp/a.hpp: layer 'resp' reaches what it must not:\n    -> src/core/line.hpp",
        {"src/resp/a.hpp": '#define HEADER "core/line.hpp"\n#include HEADER\n'},
    ),
    ("a public header may include public", {"include/redstart/a.hpp": '#include "net/a.hpp"\n'}),
    ("a public header may include public", {"include/redstart/a.hpp": '#include "reply.hpp"\n'}),
    ("examples/ may include public headers only", {"examples/a.cpp": '#include "client/a.hpp"\n'}),
    ("leaves its folder with '..'", {"apps/hub/a.cpp": '#include "../../src/core/line.hpp"\n'}),
    ("python/ may include public headers only", {"python/a.cpp": '#include "resp/reader.hpp"\n'}),
    ("is neither a public header nor named by its layer", {"src/core/a.cpp": '#include "line.hpp"\n'}),
    ("src/core/a.cpp: the compiler cannot list what it includes", {"src/core/a.cpp": '#include "core/none.hpp"\n'}),
    ("'misc' is no layer", {"src/misc/a.cpp": "#include <vector>\n"}),
]


def write(root, files):
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def self_test(compiler):
    failures = []
    with tempfile.TemporaryDirectory() as root:
        write(root, CLEAN)
        failures += [f"a clean tree is refused: {problem}" for problem in check(root, compiler)]
    for expected, files in VIOLATIONS:
        with tempfile.TemporaryDirectory() as root:
            write(root, {**CLEAN, **files})
            report = "\n".join(check(root, compiler))
            if expected not in report:
                failures.append(f"not found: {expected}\n  in: {report or '(nothing reported)'}")
    return failures


def main():
    parser = argparse.ArgumentParser(description="Checks that no layer reaches what lies below it.")
    parser.add_argument("root", nargs="?", default=".", type=Path)
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--self-test", action="store_true", help="break each rule in a temporary tree, expect a report")
    arguments = parser.parse_args()
    problems = self_test(arguments.compiler) if arguments.self_test else check(arguments.root, arguments.compiler)
    for problem in problems:
        print(problem, file=sys.stderr)
    if arguments.self_test and not problems:
        print(f"{len(VIOLATIONS)} violations were found, and none in a clean tree")
    return 1 if problems else 0


sys.exit(main())
