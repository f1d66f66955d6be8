"""Beyond the list: files in the repository, who may put them there, and reads while they change."""

import os
import secrets
import stat
import threading
import time

from guest import Guest
from harness import ABSENT, PA, SECRET, case

HAND = b"placed by hand in the repository"


def repository(server):
    return os.path.join(server.directory, "repository")


def place(server, relative, value=HAND):
    path = os.path.join(repository(server), relative)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    server.secret(value)
    with open(path, "wb") as file:
        file.write(value)
    return path


def absent(t, guest, path):
    response = guest.get(path)
    t.true(response.seconds < 5, f"{path}: took {response.seconds:.1f} s")
    t.true(HAND not in response.body and response.status != 200, f"{path}: got {response}")
    t.error(response, "PluginInternalError", ABSENT if response.status in (401, 404) else
            type(ABSENT)(401, (500, 503)))


@case("EXT-120", "TREE", own=True)
def files_placed_by_hand(t):
    """As a tree, as `tee` writes it, and by the flat names of newer releases; at once, without a restart."""
    guest = t.guest()
    place(t.s, "hand/tree/one")
    t.eq(guest.fetch("hand/tree/one"), HAND, "tree")
    place(t.s, r"hand\x2Fflat\x2Fone", HAND + b" flat")
    t.eq(guest.fetch("hand/flat/one"), HAND + b" flat", "flat")
    place(t.s, "hand/tree/empty", b"")
    t.eq(guest.fetch("hand/tree/empty"), b"", "empty file")


@case("EXT-121", "TREE", own=True)
def newer_copy_wins(t):
    guest = t.guest()
    tree = place(t.s, "two/copies/x", b"the copy in the tree")
    flat = place(t.s, r"two\x2Fcopies\x2Fx", b"the flat copy of it")
    now = time.time()
    os.utime(tree, (now, now))
    os.utime(flat, (now - 60, now - 60))
    t.eq(guest.fetch("two/copies/x"), b"the copy in the tree", "newer tree")
    os.utime(flat, (now + 60, now + 60))
    t.eq(guest.fetch("two/copies/x"), b"the flat copy of it", "newer flat copy")
    t.put("two/copies/x", b"written through the API")
    t.eq(guest.fetch("two/copies/x"), b"written through the API", "after a write")
    t.status(t.s.as_admin("DELETE", "resource/two/copies/x"), 200)
    absent(t, guest, "two/copies/x")
    t.true(not os.path.exists(tree) and not os.path.exists(flat), "a copy is left after DELETE")


@case("EXT-122", "TREE", own=True)
def kubernetes_volume(t):
    """A Secret's mount: names are links through `..data`, which is a link to a dated directory."""
    guest = t.guest()
    volume = os.path.join(repository(t.s), "mounted", "secret")
    os.makedirs(os.path.join(volume, "..2026_01_01"))
    place(t.s, "mounted/secret/..2026_01_01/key")
    os.symlink("..2026_01_01", os.path.join(volume, "..data"))
    os.symlink("..data/key", os.path.join(volume, "key"))
    t.eq(guest.fetch("mounted/secret/key"), HAND, "resource through ..data")


@case("EXT-123", "TREE", own=True)
def only_regular_files_below_the_root(t):
    """A FIFO, a device, a directory, a socket, a link that leaves the root: not followed, and no wait."""
    guest = t.guest()
    outside = os.path.join(t.s.directory, "outside")
    with open(outside, "wb") as file:
        file.write(HAND)
    os.makedirs(os.path.join(t.s.directory, "outside-dir", "t"))
    with open(os.path.join(t.s.directory, "outside-dir", "t", "x"), "wb") as file:
        file.write(HAND)
    folder = os.path.join(repository(t.s), "odd", "kind")
    os.makedirs(os.path.join(folder, "directory"))
    os.mkfifo(os.path.join(folder, "fifo"))
    os.mkfifo(os.path.join(repository(t.s), r"odd\x2Fflat\x2Ffifo"))
    try:
        os.mknod(os.path.join(folder, "device"), stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError:
        pass  # not everybody may; the links to devices below must do then
    links = {"absolute": outside, "relative": "../../../outside", "zero": "/dev/zero", "tty": "/dev/tty",
             "dangling": "nowhere", "loop": "loop", "proc": "/proc/self/environ", "self": ".", "up": ".."}
    for name, target in links.items():
        os.symlink(target, os.path.join(folder, name))
    os.symlink(outside, os.path.join(repository(t.s), r"odd\x2Fflat\x2Flink"))
    os.symlink(os.path.join(t.s.directory, "outside-dir"), os.path.join(repository(t.s), "away"))
    for name in ["fifo", "device", "directory", *links]:
        absent(t, guest, f"odd/kind/{name}")
    for path in ("odd/flat/fifo", "odd/flat/link", "away/t/x"):
        absent(t, guest, path)
    t.status(t.s.request("GET", "/healthz"), 200)
    listed = t.status(t.s.as_admin("GET", "resource?prefix=odd/"), 200).json()["resources"]
    t.true(not [entry for entry in listed if entry["path"].rpartition("/")[2] in ("fifo", "device", "directory")],
           f"listed: {listed}")


@case("EXT-124", "TREE", own=True)
def writes_through_links(t):
    """A write never lands outside: the link is replaced or the write refused."""
    t.prepared()
    outside = os.path.join(t.s.directory, "victim")
    with open(outside, "wb") as file:
        file.write(b"untouched")
    os.makedirs(os.path.join(repository(t.s), "links", "kind"))
    os.symlink(outside, os.path.join(repository(t.s), "links", "kind", "x"))
    target = os.path.join(t.s.directory, "victim-dir")
    os.makedirs(target)
    os.symlink(target, os.path.join(repository(t.s), "linked"))
    t.s.as_admin("POST", "resource/links/kind/x", SECRET)
    t.s.as_admin("POST", "resource/linked/kind/x", SECRET)
    with open(outside, "rb") as file:
        t.eq(file.read(), b"untouched", "file outside the root")
    t.eq(os.listdir(target), [], "directory outside the root")


@case("EXT-125", "TREE", own=True)
def modes(t):
    """Secrets are 0600 and their directories closed to others, in the tree and flat."""
    for server in (t.fresh("TREE"), t.fresh("LOCALFS")):
        t.put("mode/key/1", SECRET, server)
        t.put("mode/key/1", SECRET + b" again", server)
        seen = 0
        for top in ("repository", "store"):
            for folder, folders, files in os.walk(os.path.join(server.directory, top)):
                for name in folders:
                    mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                    t.eq(oct(mode & 0o077), oct(0), f"others' rights on directory {name}")
                for name in files:
                    seen += 1
                    mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                    t.eq(oct(mode), oct(0o600), f"mode of {name}")
        t.true(seen, "no file was written")


@case("EXT-126", "TREE", own=True)
def layouts(t):
    """`type = "LocalFs"` writes the tree, `[storage_backend]` the flat names; no temporary file stays behind."""
    t.put("lay/out/1", SECRET)
    t.put("lay/out/1", SECRET)
    t.eq(sorted(os.listdir(os.path.join(repository(t.s), "lay", "out"))), ["1"], "tree")
    flat = t.server("LOCALFS")
    t.put("lay/out/1", SECRET, flat)
    folder = os.path.join(flat.directory, "store", "repository")
    t.true(r"lay\x2Fout\x2F1" in os.listdir(folder), f"flat name among {os.listdir(folder)}")
    t.eq([name for name in os.listdir(folder) if "tmp" in name or name.startswith(".t")], [], "temporary files")


@case("EXT-127", "TREE", own=True)
def policies_are_no_resources(t):
    """Nothing else below the storage directory can be fetched as a resource."""
    server = t.server("LOCALFS")
    guest = t.guest(server=server)
    for path in ("kbs/resource-policy.rego/x", "kbs/kbs/resource-policy.rego", "repository/default/key"):
        t.true(guest.get(path).status != 200, f"{path} was served")


def overwrite_while_reading(t, server, seconds=2.0):
    """Readers see one whole value or another, never less, never a mixture."""
    values = [bytes([65 + number]) * size for number, size in enumerate((100000, 3, 65536, 200000))]
    path = "busy/key/1"
    guest = t.guest(server=server)
    t.put(path, values[0], server)
    ends, problems = time.monotonic() + seconds, []

    def write():
        number = 0
        while time.monotonic() < ends and not problems:
            number += 1
            response = server.as_admin("POST", f"resource/{path}", values[number % len(values)])
            if response.status != 200:
                problems.append(f"write: {response}")

    def read():
        count = 0
        while time.monotonic() < ends and not problems:
            count += 1
            response = guest.get(path)
            if response.status != 200 or guest.open(response) not in values:
                problems.append(f"read {count}: {response.status}")

    threads = [threading.Thread(target=work) for work in (write, write, read, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.eq(problems, [], "problems")


@case("EXT-128", "ALLOW")
def overwrites_in_memory(t):
    overwrite_while_reading(t, t.s)


@case("EXT-129", "TREE", own=True)
def overwrites_in_the_tree(t):
    overwrite_while_reading(t, t.s)


@case("EXT-130", "LOCALFS", own=True)
def overwrites_flat(t):
    overwrite_while_reading(t, t.s)


@case("EXT-131", "LOCALFS", own=True)
def policies_survive(t):
    """Resource policy, attestation policy and reference values are there after a restart; the policy is not reset."""
    from .attestation_policy import claims_policy, set_attestation_policy
    from .tokens import register
    t.prepared()
    set_attestation_policy(t, "default_cpu", claims_policy('{"hardware": 33}'))
    register(t, {"kept": ["over a restart"]})
    t.s.restart()
    t.eq(t.status(t.s.as_admin("GET", "admin/policy"), 200).body, PA.encode(), "resource policy")
    t.eq(t.status(t.s.as_admin("GET", "reference-value/kept"), 200).json(), ["over a restart"], "reference value")
    guest = Guest(t.s).handshake()
    t.eq(guest.claims()["submods"]["cpu0"]["ear.trustworthiness-vector"], {"hardware": 33}, "vector")
    t.eq(guest.fetch(), SECRET, "resource")


@case("EXT-132", "ALLOW")
def conditional_writes(t):
    """If-None-Match: * creates and never replaces; If-Match replaces the version it names."""
    path = f"cond/key/{secrets.token_hex(4)}"

    def write(value, **headers):
        return t.s.as_admin("POST", f"resource/{path}", value, {k.replace("_", "-"): v for k, v in headers.items()})

    first = t.status(write(b"the first version", If_None_Match="*"), 200)
    again = write(b"never to be stored", If_None_Match="*")
    t.status(again, *((409, 412) if t.precise else (401,)))
    t.shape(again)
    tag = first.header("etag")
    t.true(tag, "no ETag on a write")
    t.status(write(b"the second version", If_Match=tag), 200)
    t.status(write(b"never to be stored", If_Match=tag), *((409, 412) if t.precise else (401,)))
    t.eq(t.guest().fetch(path), b"the second version", "resource")


@case("EXT-133", "LOCALFS", own=True)
def tree_in_the_newer_form(t):
    """With `[storage_backend]` too, what recipes put into the repository directory as a tree is served."""
    guest = t.guest()
    folder = os.path.join(t.s.directory, "store", "repository", "recipe", "tree")
    os.makedirs(folder)
    t.s.secret(HAND)
    with open(os.path.join(folder, "one"), "wb") as file:
        file.write(HAND)
    t.eq(guest.fetch("recipe/tree/one"), HAND, "resource")
    listed = t.status(t.s.as_admin("GET", "resource?prefix=recipe/"), 200).json()["resources"]
    t.eq([entry["path"] for entry in listed], ["recipe/tree/one"], "listed")


@case("EXT-134", "BARE", own=True)
def bare_plugin(t):
    """`name = "resource"` alone is the documented directory, which KBS_REPOSITORY_DIR moves; writes make the tree."""
    guest = t.guest()
    place(t.s, "hand/tree/one")
    t.eq(guest.fetch("hand/tree/one"), HAND, "resource")
    t.true(os.path.isfile(os.path.join(repository(t.s), "default", "key", "1")), "no tree was written")


@case("EXT-135", "TREE", own=True)
def restart_keeps_the_tree(t):
    t.prepared()
    place(t.s, "kept/by/hand")
    t.s.restart()
    guest = t.guest()
    t.eq(guest.fetch(), SECRET, "resource written through the API")
    t.eq(guest.fetch("kept/by/hand"), HAND, "resource placed by hand")
