# SPDX-License-Identifier: MIT
"""Brings the peers that are not Debian packages of this release: into build/bench-peers, and nowhere else."""

import re
import shutil
import subprocess
from pathlib import Path

from clients import BENCH, BOOST, INSTALLED

BOOST_PACKAGE = "libboost1.88-dev"
BOOST_RELEASE = "trixie"  # the one after the oldest that we build on
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def install_all():
    for what, install in (("Boost.Redis 1.88", install_boost), ("the npm packages", install_npm)):
        try:
            install()
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-3:]
            print(f"cannot install {what}: " + " / ".join(said), flush=True)


def run(command, folder, seconds=600):
    words = [str(word) for word in command]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=seconds)


def install_npm():
    folder = INSTALLED / "node"
    wanted = BENCH / "peers/node/package.json"
    kept = folder / "package.json"
    if (folder / "node_modules").exists() and kept.exists() and kept.read_text() == wanted.read_text():
        return
    print("installing ioredis, redis, @valkey/valkey-glide and bullmq from npm", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(wanted, kept)
    try:
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    except BaseException:
        kept.unlink()
        raise


def install_boost():
    """The headers of the next Debian release's package, from the mirror that this system uses. apt works on lists and
    settings of its own, so that the system's stay as they are; the package is unpacked and not installed."""
    if BOOST.exists():
        return
    print(f"downloading {BOOST_PACKAGE} of Debian {BOOST_RELEASE}, headers only", flush=True)
    folder = INSTALLED / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {debian_mirror()} {BOOST_RELEASE} main\n")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    run([*apt, "update"], folder)
    run([*apt, "download", BOOST_PACKAGE], folder)
    package = next(folder.glob(f"{BOOST_PACKAGE}_*.deb"))
    unpacked = INSTALLED / "boost.part"
    shutil.rmtree(unpacked, ignore_errors=True)
    run(["dpkg-deb", "-x", package, unpacked], folder)
    shutil.rmtree(INSTALLED / "boost", ignore_errors=True)
    unpacked.rename(INSTALLED / "boost")


def debian_mirror():
    """Where this system gets its own Debian packages from."""
    codename = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.M)
    apt = Path("/etc/apt")
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        text = path.read_text() if path.is_file() else ""
        # One line a source, or a paragraph of fields.
        for found in re.finditer(r"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+(\S+)", text, re.M):
            if codename and found[2] == codename[1]:
                return found[1]
        for paragraph in text.split("\n\n"):
            fields = dict(re.findall(r"^(\w[\w-]*):\s*(.*)$", paragraph, re.M))
            if codename and codename[1] in fields.get("Suites", "").split():
                return fields["URIs"].split()[0]
    raise OSError("no source of packages for this release of Debian stands in /etc/apt")
