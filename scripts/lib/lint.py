#!/usr/bin/env python3
"""lint.py: formatting and static analysis of all our C++; one finding is one failure.

A file that was clean is looked at again only when it, a header of ours that it includes, or .clang-tidy changed. What was
clean is remembered outside the tree, as a compiler cache does, so that a fresh clone need not start over.
The last line is "N passed, N failed, N skipped".
"""
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/dev"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "vouchsafe/tidy"
FORMAT, TIDY = "clang-format-19", "clang-tidy-19"


def ours(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, text=True, capture_output=True)
    return [name for name in listed.stdout.split() if (ROOT / name).exists()]


def formatted(name):
    done = subprocess.run([FORMAT, "--dry-run", "--Werror", name], cwd=ROOT, capture_output=True)
    return [] if done.returncode == 0 else [f"FAIL {name} is not formatted: {FORMAT} -i {name}"]


def includes():
    """For each source file, the files of ours that its object was made from, as the build noted them."""
    listed = subprocess.run(["ninja", "-C", str(BUILD), "-t", "deps"], text=True, capture_output=True)
    found, current = {}, set()
    for line in listed.stdout.splitlines():
        if not line.startswith(" "):
            current = set()
            continue
        path = pathlib.Path(os.path.normpath(BUILD / line.strip()))
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            name = str(path.relative_to(ROOT))
            if name.endswith(".cc"):
                found[name] = current
            current.add(name)
    return found


@functools.cache
def digest(name):
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def key_of(name, deps):
    parts = [digest(".clang-tidy"), name, digest(name)]
    parts += [each + digest(each) for each in sorted(deps) if (ROOT / each).exists()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def tidied(name, deps):
    remembered = CACHE / key_of(name, deps) if deps else None
    if remembered and remembered.exists():
        return []
    done = subprocess.run([TIDY, "-p", str(BUILD), "--quiet", name], cwd=ROOT, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # What stands in other people's headers is theirs.
    lines = [line for line in done.stdout.splitlines()
             if re.search(r"(warning|error):", line) and not line.startswith("/usr/")]
    if not lines and remembered:
        CACHE.mkdir(parents=True, exist_ok=True)
        remembered.touch()
    return ["FAIL " + line.replace(f"{ROOT}/", "") for line in lines[:5]]


def main():
    files = ours("*.cc", "*.h")
    sources = [name for name in ours("src/*.cc", "tools/*.cc") if not name.endswith("_test.cc")]
    deps = includes()
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        results = list(pool.map(formatted, files))
        results += pool.map(lambda name: tidied(name, deps.get(name, set())), sources)
    findings = [line for result in results for line in result]
    print(*findings, sep="\n")
    failed = sum(1 for result in results if result)
    print(f"{len(results) - failed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


main()
