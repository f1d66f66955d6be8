#!/usr/bin/env python3
"""Black-box conformance suite: every case of conformance-cases.md in both error modes, and our own (EXT-*).

    run.py --kbs PATH --client PATH [--mode trustee|precise|both] [--only ID,ID…] [--json FILE]
    run.py --base-url URL [--fixture ALLOW] [--admin-token FILE] [--ca-file PEM] …   a KBS that already runs
    run.py --selftest                                                   checks the suite's own helpers

One line per case and mode: `ok ID [mode]`, `FAIL ID [mode]: why`, `skip ID [mode]: reason`, `n/a ID [mode]: reason`; last a line
`N passed, N failed, N skipped`. Exit status 1 when something failed.
"""

import argparse
import concurrent.futures
import importlib
import json
import os
import ssl
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fixtures  # noqa: E402
import harness  # noqa: E402
import servers  # noqa: E402

MODULES = ("routing", "auth", "attest", "tokens", "resources", "jwe", "policy", "attestation_policy", "admin",
           "client", "extra_access", "extra_input", "extra_storage", "extra_limits", "extra_config", "extra_client",
           "extra_history")
LISTED = 236  # cases in sections 1-10 of conformance-cases.md
LANES_AT_ONCE = 3


class Run:
    """One invocation: options, material shared by all lanes, results."""

    def __init__(self, options, directory):
        self.kbs = options.kbs and os.path.abspath(options.kbs)
        self.client = options.client and os.path.abspath(options.client)
        self.directory, self.options = directory, options
        self.material = fixtures.Material()
        self.foreign = foreign_server(options)
        self.results, self.lock = [], threading.Lock()
        self.leaks = {mode: [] for mode in ("trustee", "precise")}
        self.crashes = {mode: [] for mode in ("trustee", "precise")}

    def report(self, outcome, case_id, mode, text="", seconds=0.0):
        where = "base-url" if outcome == "skip" and self.foreign else mode
        with self.lock:
            self.results.append({"outcome": outcome, "id": case_id, "mode": mode, "text": text,
                                 "seconds": round(seconds, 3)})
            print(f"{outcome} {case_id} [{where}]" + (f": {text}" if text else ""), flush=True)

    def unfit(self, case):
        """Why `case` cannot run with these options, or None."""
        if self.foreign and case.own:
            return "starts servers of its own"
        if self.foreign and case.fixture and case.fixture != self.options.fixture:
            return f"needs fixture {case.fixture}"
        if (case.fixture or case.own) and not self.kbs and not self.foreign:
            return "no --kbs given"
        if case.lane.startswith(("client", "extra_client")) and not self.client:
            return "no --client given"
        return None

    def one(self, case, lane):
        started = time.monotonic()
        reason = self.unfit(case)
        if reason:
            return self.report("skip", case.id, lane.mode, reason)
        try:
            case.run(harness.Test(lane, case.fixture))
        except harness.Skip as skip:
            return self.report("skip", case.id, lane.mode, str(skip))
        except harness.NotApplicable as reason:
            return self.report("n/a", case.id, lane.mode, str(reason))
        except AssertionError as failure:
            text = " ".join(str(failure).split()) or where(failure)
            return self.report("FAIL", case.id, lane.mode, text, time.monotonic() - started)
        except Exception as failure:  # a broken connection or a case's own mistake: a failure like any other
            text = " ".join(f"{type(failure).__name__}: {failure} ({where(failure)})".split())
            return self.report("FAIL", case.id, lane.mode, text, time.monotonic() - started)
        return self.report("ok", case.id, lane.mode, "", time.monotonic() - started)

    def lane(self, name, mode, cases):
        lane = harness.Lane(self, name, mode)
        try:
            for case in cases:
                self.one(case, lane)
        finally:
            leaks, crashes = lane.close()
            with self.lock:
                self.leaks[mode] += leaks
                self.crashes[mode] += crashes


def where(failure):
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{os.path.basename(frame.filename)}:{frame.lineno}"


def foreign_server(options):
    if not options.base_url:
        return None
    context = ssl.create_default_context(cafile=options.ca_file) if options.base_url.startswith("https") else None
    admin = {}
    if options.admin_token:
        with open(options.admin_token, encoding="ascii") as file:
            admin = fixtures.bearer(file.read().strip())
    return servers.ForeignServer(options.base_url, context, admin)


def lanes_of(cases, modes):
    """{(lane, mode): cases}; a case that waits or measures has a lane of its own."""
    lanes = {}
    for mode in modes:
        for case in cases:
            own = case.waits or case.alone
            lanes.setdefault((f"{case.lane}-{case.id}" if own else case.lane, mode), []).append(case)
    return lanes


def execute(run, cases, modes):
    lanes = lanes_of(cases, modes)
    if run.foreign:  # one server, one state: one after the other
        for (name, mode), members in lanes.items():
            run.lane(name, mode, members)
        return
    waiting = {key: members for key, members in lanes.items() if members[0].waits}
    alone = {key: members for key, members in lanes.items() if members[0].alone}
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(waiting))) as sleepers, \
            concurrent.futures.ThreadPoolExecutor(max_workers=LANES_AT_ONCE) as workers:
        jobs = [sleepers.submit(run.lane, *key, members) for key, members in waiting.items()]
        jobs += [workers.submit(run.lane, *key, members) for key, members in lanes.items()
                 if key not in waiting and key not in alone]
        for job in jobs:
            job.result()
    for key, members in alone.items():
        run.lane(*key, members)


def judge_logs(run, modes):
    """LOG-01 and LOG-02: what all servers of a mode wrote, and how they ended."""
    for mode in modes:
        if run.foreign or not run.kbs:
            run.report("skip", "LOG-01", mode, "the logs of a foreign server are not ours to read")
            run.report("skip", "LOG-02", mode, "a foreign server is not ours to stop")
            continue
        for case_id, found in (("LOG-01", run.leaks[mode]), ("LOG-02", run.crashes[mode])):
            text = f"expected none, got {len(found)}: " + "; ".join(found[:4]) if found else ""
            run.report("FAIL" if found else "ok", case_id, mode, text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kbs", help="the server binary")
    parser.add_argument("--client", help="the kbs-client binary")
    parser.add_argument("--mode", choices=("trustee", "precise", "both"), default="both")
    parser.add_argument("--only", help="case ids, or prefixes ending in *, separated by commas")
    parser.add_argument("--base-url", help="a KBS that already runs, e.g. http://127.0.0.1:8080")
    parser.add_argument("--fixture", default="ALLOW", help="which fixture of §0 that KBS is (default ALLOW)")
    parser.add_argument("--admin-token", help="file with an admin token for it")
    parser.add_argument("--ca-file", help="trust root for an https base URL")
    parser.add_argument("--json", help="write the results here too")
    parser.add_argument("--keep", help="directory for servers' files and logs (default: temporary)")
    parser.add_argument("--selftest", action="store_true", help="check the helpers against the spec's vectors")
    return parser.parse_args()


def chosen(cases, only):
    if not only:
        return cases
    wanted = [text.strip() for text in only.split(",") if text.strip()]
    return [c for c in cases if any(c.id == w or (w.endswith("*") and c.id.startswith(w[:-1])) for w in wanted)]


def main():
    options = arguments()
    if options.selftest:
        import selftest
        return selftest.main()
    for name in MODULES:
        importlib.import_module(f"cases.{name}")
    ids = [case.id for case in harness.CASES]
    assert len(ids) == len(set(ids)), f"ids used twice: {sorted({i for i in ids if ids.count(i) > 1})}"
    cases = chosen(harness.CASES, options.only)
    modes = ("trustee", "precise") if options.mode == "both" else (options.mode,)
    with tempfile.TemporaryDirectory(prefix="kbs-conformance-") as temporary:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
        else:
            os.chmod(temporary, 0o755)
        run = Run(options, options.keep or temporary)
        execute(run, cases, modes)
        if not options.only or "LOG" in options.only:
            judge_logs(run, modes)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"results": run.results}, file, indent=1)
    count = {outcome: sum(r["outcome"] == outcome for r in run.results) for outcome in ("ok", "FAIL", "skip")}
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
