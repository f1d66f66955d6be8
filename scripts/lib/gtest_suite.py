#!/usr/bin/env python3
"""gtest_suite.py DIR: runs every test program in DIR, two at a time, and adds up what they say.

Prints failures and skips with their reasons; the last line is "N passed, N failed, N skipped".
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TIMEOUT_S = 900


def run(program):
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1",
                   UBSAN_OPTIONS="print_stacktrace=1", TSAN_OPTIONS="halt_on_error=1")
        try:
            done = subprocess.run([program, f"--gtest_output=json:{report}"], env=env, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return program.name, 0, 1, 0, [f"FAIL {program.name}: not done after {TIMEOUT_S} s"]
        tests = json.loads(report.read_text()) if report.exists() else None
        if tests is None:
            return program.name, 0, 1, 0, [f"FAIL {program.name}: ended with {done.returncode}", done.stdout[-6000:]]
    passed = failed = skipped = 0
    lines = []
    for suite in tests["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                failed += 1
                lines.append(f"FAIL {program.name} {name}: {case['failures'][0]['failure'][:2000]}")
            elif case.get("result") == "SKIPPED":
                skipped += 1
                why = case.get("skipped", [{}])[0].get("message", "").split("\n")
                lines.append(f"skip {program.name} {name}: {' '.join(why[1:]).strip() or 'no reason given'}")
            else:
                passed += 1
    if done.returncode != 0 and failed == 0:
        failed = 1
        lines += [f"FAIL {program.name}: ended with {done.returncode}", done.stdout[-6000:]]
    return program.name, passed, failed, skipped, lines


def main():
    programs = sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.is_file() and os.access(p, os.X_OK))
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for name, passed, failed, skipped, lines in pool.map(run, programs):
            print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped", *lines, sep="\n", flush=True)
            total = [a + b for a, b in zip(total, (passed, failed, skipped))]
    if not programs:
        print("FAIL: no test program found")
        total[1] += 1
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
