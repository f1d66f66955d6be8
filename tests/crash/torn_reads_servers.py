#!/usr/bin/env python3
"""torn_reads_servers.py --kbs PROGRAM [--overwrites N]: two servers on one directory, each with an admin who overwrites
resources (of up to a mebibyte) and guests who read them. Every answer must hold one whole value, and never an older one
than the reader knows to be stored. The last line is "N passed, N failed, N skipped".
"""

import argparse
import multiprocessing
import os
import pathlib
import queue
import random
import shutil
import tempfile
import time

import lab
import http1
import jose

KEYS = [f"torn/reads/{i}" for i in range(6)]
SERVERS = 2
READERS = 2  # of each server
PATIENCE = 3600


def a_length(dice):
    """Mostly a few kilobytes; one in twenty-five anything up to the largest."""
    small = 60 + dice.randrange(6000)
    return small + dice.randrange((1 << 20) - 6100) if dice.randrange(25) == 0 else small


class Shared:
    """What all processes see."""

    def __init__(self, overwrites):
        self.next = multiprocessing.Value("q", len(KEYS))
        self.last = len(KEYS) + overwrites
        self.done = multiprocessing.Event()
        self.results = multiprocessing.Queue()
        # Each server's admin writes keys of its own: of these the order is known, and a reader can tell old from new.
        self.stored = [multiprocessing.Value("q", 0) for _ in KEYS]

    def take(self):
        with self.next.get_lock():
            if self.next.value >= self.last:
                return None
            self.next.value += 1
            return self.next.value


def reported(role):
    """Runs a role to its end and hands in what came of it."""

    def run(shared, *arguments):
        try:
            shared.results.put((role.__name__, role(shared, *arguments), ""))
        except Exception as error:  # whatever it is, the run has failed, and must end
            shared.results.put((role.__name__, 0, f"{type(error).__name__}: {error}"))

    return run


def write(shared, server, which):
    dice = random.Random(which)
    mine = range(which, len(KEYS), SERVERS)
    count = 0
    with http1.Connection(server.host, server.port) as connection:
        while (number := shared.take()) is not None and not shared.done.is_set():
            at = dice.choice(mine)
            value = lab.value_of(KEYS[at], number, a_length(dice))
            answer = connection.request("POST", f"/kbs/v0/resource/{KEYS[at]}", server.admin, value)
            if answer.status != 200:
                raise AssertionError(f"overwrite {number} of {KEYS[at]}: {answer}")
            shared.stored[at].value = number
            count += 1
    return count


def read(shared, server, which):
    dice = random.Random(1000 + which)
    guest = lab.attested(server)
    headers = {"Authorization": f"Bearer {guest.token}"}
    count = 0
    with http1.Connection(server.host, server.port) as connection:
        while not shared.done.is_set():
            at = dice.randrange(len(KEYS))
            least = shared.stored[at].value
            answer = connection.request("GET", f"/kbs/v0/resource/{KEYS[at]}", headers)
            if answer.status != 200:
                raise AssertionError(f"read of {KEYS[at]}: {answer}")
            value = jose.jwe_open(guest.key, answer.json())
            number = lab.number_of(KEYS[at], value)
            if number is None:
                raise AssertionError(f"{KEYS[at]} is torn: {len(value)} bytes, {value[:60]!r}")
            if number < least:
                raise AssertionError(f"{KEYS[at]} is {number}, long after {least} was acknowledged")
            count += 1
    return count


def run(kbs, scratch, overwrites):
    """(overwrites, reads, failures)"""
    repository = scratch / "repository"
    repository.mkdir()
    running = []
    try:
        for i in range(SERVERS):
            running.append(lab.start(kbs, scratch / f"server-{i}", repository))
        for i, path in enumerate(KEYS):
            answer = running[0].as_admin("POST", f"resource/{path}", lab.value_of(path, i + 1, 500))
            if answer.status != 200:
                raise AssertionError(f"first write: {answer}")
        return drive(running, overwrites)
    finally:
        for server in running:
            server.stop()


def drive(running, overwrites):
    shared = Shared(overwrites)
    work = [multiprocessing.Process(target=reported(write), args=(shared, server, i), daemon=True)
            for i, server in enumerate(running)]
    writers = len(work)
    work += [multiprocessing.Process(target=reported(read), args=(shared, server, i * READERS + j), daemon=True)
             for i, server in enumerate(running) for j in range(READERS)]
    for process in work:
        process.start()
    totals, failures = {"write": 0, "read": 0}, []
    for _ in work:
        try:
            role, count, failure = shared.results.get(timeout=PATIENCE)
        except queue.Empty:
            failures.append("a process hangs")
            break
        totals[role] += count
        if failure:
            failures.append(f"{role}: {failure}")
        writers -= role == "write"
        if writers == 0 or failure:
            shared.done.set()
    for process in work:
        process.join(20)
        process.kill()
    return totals["write"], totals["read"], failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kbs", required=True)
    parser.add_argument("--overwrites", type=int, default=1000)
    arguments = parser.parse_args()
    multiprocessing.set_start_method("fork")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="kbs-torn-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    started = time.monotonic()
    try:
        written, read_, failures = run(os.path.abspath(arguments.kbs), scratch, arguments.overwrites)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{written} overwrites through {SERVERS} servers, {read_} reads, {time.monotonic() - started:.0f} s")
    if not failures and (written < arguments.overwrites or read_ < written / 20):
        failures.append("too little was written or read to tell")
    for failure in failures:
        print(f"FAIL torn reads: {failure}")
    print(f"{int(not failures)} passed, {int(bool(failures))} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
