#!/usr/bin/env python3
"""full_disk.py --kbs PROGRAM: a real server whose resources lie on a small tmpfs. Full: writes are answered 503 and say
why, reads go on, nothing is lost, a restart serves. With room again: writes work. Each promise is one test; the last line
is "N passed, N failed, N skipped". Runs itself in a mount namespace of its own.
"""

import argparse
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import lab

INSIDE = "KBS_FULL_DISK_INSIDE"
OLD = lab.value_of("default/key/1", 1, 3000)
LARGE = lab.value_of("default/key/1", 2, 200_000)


class Promises:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, right, seen=""):
        self.passed += bool(right)
        self.failed += not right
        print(f"{'ok' if right else 'FAIL'} {what}{'' if right else f': {seen}'}", flush=True)


def fill(directory):
    """Writes until nothing fits any more; the file that must go to make room."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return filler


def says_full(answer):
    return answer.status == 503 and answer.header("retry-after") and "full" in answer.json().get("detail", "")


def run(kbs, scratch, promises):
    disk = scratch / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(disk)], check=True)
    repository = disk / "repository"
    repository.mkdir()
    server = lab.start(kbs, scratch / "server", repository)
    try:
        fill_and_heal(server, disk, repository, promises)
    finally:
        server.stop()
        subprocess.run(["umount", str(disk)], check=False)


def fill_and_heal(server, disk, repository, promises):
    def post(path, value):
        return server.as_admin("POST", f"resource/{path}", value)

    guest = lab.attested(server)
    answer = post("default/key/1", OLD)
    promises.check("a disk with room takes a write", answer.status == 200, answer)
    filler = fill(disk)
    for path in ("default/key/1", "default/key/2"):
        answer = post(path, LARGE)
        promises.check(f"full: a write of {path} is answered 503, with the reason and Retry-After", says_full(answer),
                       answer)
    promises.check("full: a guest reads the old value", guest.fetch() == OLD)
    answer = guest.get("default/key/2")
    promises.check("full: what was not stored is absent", answer.status == 404, answer)
    log = server.stderr_text()
    promises.check("full: the operator's log names the cause", "No space left" in log or "ENOSPC" in log, log[-400:])
    left = [str(path) for path in repository.rglob(".kbs-tmp-*")]
    promises.check("full: the writes that failed left nothing behind", not left, left)

    server.restart()
    lab.allow_all(server)
    guest = lab.attested(server)
    promises.check("full: a restarted server serves what it has", guest.fetch() == OLD)

    filler.unlink()
    answer = post("default/key/1", LARGE)
    promises.check("room again: the write succeeds", answer.status == 200, answer)
    promises.check("room again: and is served", guest.fetch() == LARGE)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kbs", required=True)
    kbs = os.path.abspath(parser.parse_args().kbs)
    if os.environ.get(INSIDE) != "1":
        os.environ[INSIDE] = "1"
        flags = "-m" if os.getuid() == 0 else "-rm"
        os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])
    promises = Promises()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="kbs-full-"))
    try:
        run(kbs, scratch, promises)
    except Exception as error:  # whatever it is, the run has failed, and says so in the last line
        promises.check("the run comes to its end", False, f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{promises.passed} passed, {promises.failed} failed, 0 skipped")
    return 1 if promises.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
