"""Real servers on a directory of ours, guests that have attested with them, and values that tell whose they are."""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))

import fixtures  # noqa: E402
import guest  # noqa: E402
import jose  # noqa: E402
import servers  # noqa: E402

ALLOW_ALL_POLICY = "package policy\ndefault allow = true\n"


def start(kbs, directory, repository):
    """A server with its own state in `directory`, and its resources in `repository`."""
    directory.mkdir(parents=True)
    plugins = f'[[plugins]]\nname = "resource"\ntype = "LocalFs"\ndir_path = "{repository}"\n'
    # Beside a full disk the audit still finds room: what it does without is shown elsewhere.
    extra = f'[audit]\nsink = "file"\npath = "{directory}/audit.log"\n'
    config = fixtures.config("precise", plugins=plugins, extra=extra)
    server = servers.Server(kbs, str(directory), config, env={"RUST_LOG": "info"})
    server.start()
    allow_all(server)
    return server


def allow_all(server):
    """The policy goes with the process: it is kept in memory."""
    body = jose.compact({"policy": jose.b64u(ALLOW_ALL_POLICY)}).encode()
    answer = server.as_admin("POST", "resource-policy", body)
    if answer.status != 200:
        raise AssertionError(f"no policy: {answer}")


def attested(server):
    return guest.Guest(server).handshake()


def value_of(path, number, length):
    """A header line with path, number and length, then bytes that follow from it."""
    header = f"value {path} {number} {length}\n".encode()
    return header + hashlib.shake_128(header).digest(max(0, length - len(header)))


def number_of(path, value):
    """The number in a value that is whole and belongs to `path`; None for all else."""
    words = value.partition(b"\n")[0].split(b" ")
    if len(words) != 4 or words[:2] != [b"value", path.encode()]:
        return None
    number, length = int(words[2]), int(words[3])
    return number if value == value_of(path, number, length) else None
