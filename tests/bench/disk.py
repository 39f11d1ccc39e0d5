"""The disk: how long a sync takes here, and a disk as slow as a cloud's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_SLOW_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static int later(const char *name, int fd) {
    struct timespec wait = {0, DELAY_NS};
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
    nanosleep(&wait, 0);
    return real(fd);
}
int fsync(int fd) { return later("fsync", fd); }
int fdatasync(int fd) { return later("fdatasync", fd); }
"""


def slow_sync(folder: Path, delay_ms: int = 2) -> tuple[Path | None, str]:
    """A library that makes each sync of the disk `delay_ms` slower when preloaded; None and the reason without one."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None, "no C compiler here" if compiler is None else "only on Linux"
    source, library = folder / "slow_sync.c", folder / "slow_sync.so"
    source.write_text(_SLOW_SYNC)
    delay = f"-DDELAY_NS={delay_ms * 1_000_000}"
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", delay, "-o", str(library), str(source), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        return None, f"the C compiler failed: {made.stderr.strip()[:80]}"
    return library, ""


def sync_us(folder: Path, library: Path | None = None) -> float:
    """The median microseconds of writing 4 KB and syncing them in `folder`, with `library` preloaded."""
    code = (
        "import os, sys, time, statistics\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\n"
        "def one():\n"
        "    os.pwrite(fd, os.urandom(4096), 0)\n"
        "    began = time.perf_counter()\n"
        "    os.fdatasync(fd)\n"
        "    return time.perf_counter() - began\n"
        "print(statistics.median(one() for _ in range(200)) * 1e6)\n"
    )
    probe = folder / "sync.probe"
    env = dict(os.environ) | ({"LD_PRELOAD": str(library)} if library else {})
    told = subprocess.run([sys.executable, "-c", code, str(probe)], env=env, capture_output=True, text=True, check=True)
    probe.unlink()
    return float(told.stdout)
