#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that docs/guarantees.md promises only what a test shows.

In the table of "From fault to error" the last column of each row names what shows it: tests as `suite.test` or `suite.*`, rows of
tests/chaos/fault.cpp by their names, subcommands as `./dev chaos name`. Each must exist, each row must name one, and each
fault of the matrix must have a row.

Usage: check_guarantees.py [ROOT]
       check_guarantees.py --self-test
"""

import re
import sys
import tempfile
from pathlib import Path

SECTION = "## From fault to error"
TEST = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)")
FAULT = re.compile(r"\b(?:in_proxy|at_server)\(\s*\"(\w+)\"")
SUBCOMMAND = re.compile(r"add_subcommand\(\"(\w+)\"")
NAME = re.compile(r"`([^`]+)`")


def rows(page):
    """(line number, cells) of each row of the section's table, without its head."""
    inside, table = False, []
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("## "):
            inside = line == SECTION
        elif inside and line.startswith("|"):
            table.append((number, [cell.strip() for cell in line.strip("|").split("|")]))
    return table[2:]


def read_all(folder):
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.cpp")))


def check(root):
    """What is wrong, one text each."""
    table = rows((root / "docs/guarantees.md").read_text(encoding="utf-8"))
    if not table:
        return [f"docs/guarantees.md: there is no table under '{SECTION}'"]
    found_tests = TEST.findall(read_all(root / "tests"))
    tests = {f"{suite}.{test}" for suite, test in found_tests} | {f"{suite}.*" for suite, _ in found_tests}
    faults = set(FAULT.findall((root / "tests/chaos/fault.cpp").read_text(encoding="utf-8")))
    commands = {f"./dev chaos {name}" for name in SUBCOMMAND.findall(read_all(root / "tests/chaos"))}
    problems, named = [], set()
    for number, cells in table:
        place = f"docs/guarantees.md:{number}"
        names = NAME.findall(cells[-1])
        if not names:
            problems.append(f"{place}: '{cells[0]}' names no test")
        problems += [f"{place}: there is no {n}" for n in names if n not in tests | faults | commands]
        named.update(names)
    return problems + [f"docs/guarantees.md: no row names the fault {fault}" for fault in sorted(faults - named)]


# --- Self-test -------------------------------------------------------------------------------------------------------

FILES = {
    "tests/unit/a_test.cpp": "TEST(a, b) {}\nTEST_P(p,\n       q) {}\n",
    "tests/chaos/fault.cpp": 'in_proxy("cut", "text"), at_server("kill", "text")',
    "tests/chaos/main.cpp": 'app.add_subcommand("overload", "text")',
}
# rows, what each problem must contain
CASES = [
    (["`cut`, `kill`", "`a.b`, `a.*`, `p.q`, `./dev chaos overload`"], []),
    (["`cut`, `kill`", "nothing"], ["names no test"]),
    (["`cut`, `kill`, `a.c`"], ["there is no a.c"]),
    (["`cut`, `kill`, `b.*`"], ["there is no b.*"]),
    (["`cut`, `kill`, `./dev chaos more`"], ["there is no ./dev chaos more"]),
    (["`cut`"], ["no row names the fault kill"]),
    ([], ["there is no table"]),
]


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {**FILES, "docs/guarantees.md": ""}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        for last_cells, wanted in CASES:
            lines = [SECTION, "", "| fault | shown by |", "|---|---|", *(f"| x | {cell} |" for cell in last_cells)]
            page = "\n".join(["| not | this |", *lines, "## After", "| nor | this |"])
            (root / "docs/guarantees.md").write_text(page, encoding="utf-8")
            found = check(root)
            if len(found) != len(wanted) or not all(w in f for w, f in zip(wanted, found)):
                failures.append(f"{last_cells}: expected {wanted}, found {found}")
    return failures


def main():
    words = sys.argv[1:]
    root = Path(__file__).resolve().parent.parent
    if words == ["--self-test"]:
        problems = self_test()
    else:
        problems = check(Path(words[0]) if words else root)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
