"""Beyond the list: the server as a program: its configuration, its messages, its beginning and its end."""

import json
import os
import resource
import signal
import threading
import time

import fixtures
import jose
from fixtures import config
from guest import Guest
from harness import PA, PD, SECRET, Skip, case
from servers import environment


def kbs(t, *args, **kwargs):
    return t.run([t.lane.run.kbs, *args], **kwargs)


def said(result):
    return (result.stdout + result.stderr).decode("utf-8", "replace")


def write(t, text, suffix="toml"):
    path = os.path.join(t.lane.directory("config"), f"kbs.{suffix}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@case("EXT-160", own=True, lane="refusals")
def typos(t):
    """An unknown key is refused, and the message names it and the nearest known one."""
    good = config(t.mode)
    typos = [("insecure_http", "insecure_htttp"), ("sockets", "socket"), ("error_mode", "eror_mode"),
             ("insecure_header_jwk", "insecure_header_jwks"), ("storage_backend_type", "storage_backend_typ"),
             ("authorization_mode", "authorisation_mode"), ("[storage_backend]", "[storage_backends]")]
    for known, typo in typos:
        t.true(known in good, f"{known} is not in the file")
        t.refuses(good.replace(known, typo, 1), typo.strip("[]"), known.strip("[]"))


@case("EXT-161", own=True, lane="refusals")
def wrong_values(t):
    """A value of the wrong kind is refused; the message names the key."""
    good = config(t.mode)
    wrong = [('["127.0.0.1:0"]', '"127.0.0.1:0"', "sockets"), ('["127.0.0.1:0"]', '["localhost:8080"]', "sockets"),
             ('["127.0.0.1:0"]', '["127.0.0.1:99999"]', "sockets"), (f'"{t.mode}"', '"exact"', "error_mode"),
             ('"Memory"', '"memry"', "storage_type"), ('"kvstorage"', '"kvstorag"', "storage_backend_type"),
             ('"CoCoASBuiltIn"', '"CoCo"', "type"),
             ("insecure_http = true", 'insecure_http = "perhaps"', "insecure_http")]
    for known, value, key in wrong:
        t.true(known in good, f"{known} is not in the file")
        t.refuses(good.replace(known, value, 1), key)
    for text in ("", "[http_server\n", "= 1\n", good + "\n[admin]\nx = 1\n"):
        t.refuses(text)


@case("EXT-162", own=True, lane="refusals")
def missing_files(t):
    """A file that is not there, a directory in its place, a file that is not what it should be: named."""
    folder = t.lane.directory("files")
    junk, empty = os.path.join(folder, "junk.pem"), os.path.join(folder, "empty.pem")
    with open(junk, "wb") as file:
        file.write(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    open(empty, "wb").close()
    absent = os.path.join(folder, "absent.pem")
    for path in (absent, folder, junk, empty):
        texts = [
            config(t.mode, token=f'trusted_certs_paths = ["{path}"]'),
            config(t.mode, token=f'trusted_jwk_sets = ["{path}"]'),
            config(t.mode, tls=f'private_key = "{path}"\ncertificate = "{path}"'),
            config(t.mode, broker=f'[attestation_service.attestation_token_broker.signer]\nkey_path = "{path}"'),
            config(t.mode, admin=fixtures.authenticated([f'{{ public_key_uri = "{path}" }}'], fixtures.ACLS)),
            config(t.mode, admin=fixtures.authenticated([f'{{ jwk_set_uri = "{path}" }}'], fixtures.ACLS)),
        ]
        for number, text in enumerate(texts):
            told = t.refuses(text)
            # What is wrong inside a TLS file may be told by the name of its key instead.
            by_key = number == 2 and ("http_server.certificate" in told or "http_server.private_key" in told)
            named = path in told or by_key
            t.true(named, f"the message names neither {path} nor its key: {told[-300:]}")


@case("EXT-163", own=True, lane="refusals")
def unreadable_key(t):
    """A key we may not read: the message names the file."""
    folder = t.lane.directory("files")
    leaf = t.material.authority.tls
    key, chain = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.pem")
    for path, data, mode in ((key, leaf.key_pem, 0o000), (chain, leaf.pem, 0o644)):
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
    path = write(t, config(t.mode, tls=f'private_key = "{key}"\ncertificate = "{chain}"'))
    if os.geteuid() != 0:
        result = kbs(t, "-c", path, timeout=20)
    else:
        import subprocess
        command = [t.lane.run.kbs, "-c", path]
        try:
            result = subprocess.run(command, capture_output=True, timeout=20, check=False, env=environment(),
                                    user=65534, group=65534, extra_groups=[], cwd="/")
        except PermissionError as error:
            raise Skip("cannot run the server as another user here") from error
        if b"kbs.toml" in result.stderr and b"tls.key" not in result.stderr:
            raise Skip("the temporary directory is closed to other users")
    t.true(result.returncode not in (0, None), "started with an unreadable key")
    t.contains(said(result), key, "what the server said")


@case("EXT-164", own=True, lane="refusals")
def wrong_key_pairs(t):
    """Key and certificate that do not belong together, a signer on another curve: refused."""
    folder, authority = t.lane.directory("files"), t.material.authority
    names = {"tls.key": authority.signer.key_pem, "tls.pem": authority.tls.pem,
             "p384.key": jose.private_pem(jose.ec.generate_private_key(jose.ec.SECP384R1()))}
    for name, data in names.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    t.refuses(config(t.mode, tls=f'private_key = "{folder}/tls.key"\ncertificate = "{folder}/tls.pem"'))
    signer = "[attestation_service.attestation_token_broker.signer]\n"
    t.refuses(config(t.mode, broker=f'{signer}key_path = "{folder}/p384.key"'), "p384.key")
    pair = f'key_path = "{folder}/tls.key"\ncert_path = "{folder}/tls.pem"'
    t.refuses(config(t.mode, broker=signer + pair))


@case("EXT-165", own=True, lane="refusals")
def command_line(t):
    """Without a configuration: usage. --version, and `config check` for good and bad files."""
    result = kbs(t, timeout=20)
    t.true(result.returncode > 0, "started without a configuration")
    t.contains(said(result), "--config-file", "usage")
    result = kbs(t, "--version", timeout=20)
    t.eq(result.returncode, 0, "exit status of --version")
    t.true(said(result).strip(), "--version says nothing")
    t.true(kbs(t, "--nosuch", timeout=20).returncode > 0, "accepts any option")
    result = kbs(t, "-c", "/nonexistent/kbs.toml", timeout=20)
    t.true(result.returncode > 0, "started without its file")
    t.contains(said(result), "/nonexistent/kbs.toml", "message")
    good = write(t, config(t.mode))
    t.eq(kbs(t, "config", "check", good, timeout=20).returncode, 0, "exit status of config check, good file")
    bad = write(t, config(t.mode).replace("insecure_http", "insecure_htttp"))
    result = kbs(t, "config", "check", bad, timeout=20)
    t.true(result.returncode > 0, "config check accepts a typo")
    t.contains(said(result), "insecure_http", "what config check said")


@case("EXT-166", own=True)
def environment_variable(t):
    """KBS_CONFIG_FILE does what -c does."""
    path = write(t, config(t.mode).replace("insecure_http", "insecure_htttp"))
    result = t.run([t.lane.run.kbs], timeout=20, env={"KBS_CONFIG_FILE": path})
    t.true(result.returncode > 0, "the file was not read")
    t.contains(said(result), "insecure_htttp", "what the server said")


@case("EXT-167", own=True)
def yaml_and_json(t):
    """The same configuration in the other two formats."""
    value = {
        "http_server": {"sockets": ["127.0.0.1:0"], "insecure_http": True, "error_mode": t.mode},
        "admin": {"authorization_mode": "InsecureAllowAll"},
        "attestation_token": {"insecure_header_jwk": True},
        "storage_backend": {"storage_type": "Memory"},
        "plugins": [{"name": "resource", "storage_backend_type": "kvstorage"}],
    }
    yaml = ("http_server:\n  sockets: [\"127.0.0.1:0\"]\n  insecure_http: true\n"
            f"  error_mode: {t.mode}\nadmin:\n  authorization_mode: InsecureAllowAll\n"
            "attestation_token:\n  insecure_header_jwk: true\nstorage_backend:\n  storage_type: Memory\n"
            "plugins:\n  - name: resource\n    storage_backend_type: kvstorage\n")
    for suffix, text in (("json", json.dumps(value)), ("yaml", yaml), ("yml", yaml)):
        server = t.lane.launch(t.lane.directory(suffix), text, None, suffix)
        t.eq(t.guest(server=server).fetch(), SECRET, suffix)


@case("EXT-168", own=True)
def older_dialects(t):
    """Spellings of v0.11 to v0.20 mean what they meant."""
    folder = t.lane.directory("legacy")
    key = os.path.join(folder, "admin.pub")
    with open(key, "wb") as file:
        file.write(jose.public_pem(fixtures.ADMIN_KEY))
    listen = f'[http_server]\nsockets = ["127.0.0.1:0"]\ninsecure_http = true\nerror_mode = "{t.mode}"\n'
    service = ('[attestation_service]\ntype = "coco_as_builtin"\nwork_dir = "/opt/confidential-containers/x"\n'
               'policy_engine = "opa"\n[attestation_service.attestation_token_broker]\ntype = "Ear"\n'
               'duration_min = 5\n[attestation_service.rvps_config]\ntype = "BuiltIn"\n')
    tree = f'[[plugins]]\nname = "resource"\ntype = "LocalFs"\ndir_path = "{folder}/repository"\n'
    listen += "[attestation_token]\ninsecure_key = true\n"
    old = {
        "v0.13": listen + service + "[admin]\ninsecure_api = true\n" + tree,
        "v0.17": listen + service +
                 f'[admin]\ntype = "Simple"\n[[admin.personas]]\nid = "admin"\npublic_key_path = "{key}"\n'
                 + tree,
        "v0.19": listen + '[attestation_service]\ntype = "coco_as_builtin"\n'
                 '[admin]\ntype = "InsecureAllowAll"\n[storage_backend]\nstorage_type = "LocalFs"\n'
                 f'[storage_backend.backends.local_fs]\ndir_path = "{folder}/store"\n'
                 '[[plugins]]\nname = "resource"\ntype = "kvstorage"\n',
    }
    for release, text in old.items():
        server = t.lane.launch(t.lane.directory(release), text)
        if release == "v0.17":
            server.admin = fixtures.bearer(jose.sign(
                fixtures.ADMIN_KEY, "EdDSA", {"exp": int(time.time()) + 7200, "iat": int(time.time())}))
        t.eq(t.guest(server=server).fetch(), SECRET, release)


@case("EXT-169", "ALLOW", own=True)
def address_in_use(t):
    """A second server on the same address says which, and ends."""
    text = config(t.mode).replace("127.0.0.1:0", f"127.0.0.1:{t.s.port}")
    t.refuses(text, str(t.s.port))
    t.status(t.s.request("GET", "/healthz"), 200)


@case("EXT-170", "ALLOW", own=True)
def graceful_stop(t):
    """SIGTERM: what is under way is answered, nothing new is taken, exit status 0."""
    server = t.fresh("ALLOW")
    body = SECRET * 50
    with server.connect() as slow, server.connect() as idle:
        t.status(idle.request("GET", "/healthz"), 200)
        slow.sock.sendall(slow.head("POST", "/kbs/v0/resource/default/key/slow", [], len(body)) + body[:100])
        time.sleep(0.2)
        server.terminate()
        time.sleep(0.5)
        slow.sock.sendall(body[100:])
        t.status(slow.read_response("POST"), 200)
        try:
            server.connect(timeout=2).close()
            accepted = server.alive()
        except OSError:
            accepted = False
        t.true(not accepted, "new connections are still accepted")
    t.eq(server.process.wait(15), 0, "exit status")


@case("EXT-171", own=True)
def stop_without_patience(t):
    """SIGTERM and SIGINT with idle and silent connections: ends soon, status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server = t.fresh("ALLOW")
        with server.connect() as idle, server.connect():
            t.status(idle.request("GET", "/healthz"), 200)
            started = time.monotonic()
            server.process.send_signal(number)
            t.eq(server.process.wait(15), 0, "exit status")
            t.true(time.monotonic() - started < 8, f"took {time.monotonic() - started:.1f} s")


@case("EXT-172", "ALLOW", own=True)
def health(t):
    """/readyz tells readiness; both answer without credentials and say nothing else."""
    response = t.status(t.s.request("GET", "/readyz"), 200)
    t.true(len(response.body) < 2000, "readyz is talkative")
    t.status(t.s.request("GET", "/healthz"), 200)


@case("EXT-173", own=True)
def audit_trail(t):
    """Releases, denials and admin writes leave a record; values, tokens and cookies do not (LOG-01)."""
    directory = t.lane.directory("audit")
    builder = fixtures.Builder(directory, t.mode, t.material)
    path = os.path.join(directory, "audit.log")
    text = builder.config(extra=f'[audit]\nsink = "file"\npath = "{path}"\nsync = "write"\n')
    server = t.lane.launch(directory, text, builder)
    guest = t.guest(server=server)
    t.eq(guest.fetch(), SECRET, "resource")
    guest.get("default/key/nosuch")
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    t.true(all(isinstance(line, dict) for line in lines) and len(lines) >= 4, f"{len(lines)} records")
    text = json.dumps(lines)
    t.contains(text, "default/key/1", "audit records")
    t.contains(text, "default/key/nosuch", "audit records")
    t.eq(oct(os.stat(path).st_mode & 0o777), oct(0o600), "mode of the audit file")
    strangers = len(lines)
    for _ in range(20):
        server.request("GET", "resource/default/key/1")
        server.request("POST", "attest", body=b"{}")
    with open(path, encoding="utf-8") as file:
        t.true(len(file.readlines()) - strangers <= 1, "strangers fill the audit file")
    result = kbs(t, "audit", "verify", path, timeout=20)
    t.eq(result.returncode, 0, f"kbs audit verify: {said(result)[-200:]}")


def full_disk(t, behaviour):
    """A server in use, whose files then cannot grow any more."""
    directory = t.lane.directory(f"full-{behaviour}")
    builder = fixtures.Builder(directory, t.mode, t.material)
    builder.restore_signals = False  # SIGXFSZ stays ignored, as in this process: writing fails with EFBIG
    path = os.path.join(directory, "audit.log")
    extra = f'[audit]\nsink = "file"\npath = "{path}"\nsync = "write"\non_failure = "{behaviour}"\n'
    server = t.lane.launch(directory, builder.config(extra=extra), builder)
    guest = t.guest(server=server)
    t.eq(guest.fetch(), SECRET, "resource before")
    size = os.stat(path).st_size
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, size))
    return server, guest


@case("EXT-174", own=True)
def audit_before_release(t):
    """What cannot be recorded is not answered: on a full disk nothing is released, stored or attested."""
    server, guest = full_disk(t, "deny")
    late = Guest(server)
    t.status(late.auth(), 200)
    body = jose.compact({"policy": jose.b64u(PD)}).encode()
    answers = [guest.get(), server.as_admin("POST", "resource/default/key/2", SECRET), late.attest(),
               server.as_admin("POST", "resource-policy", body)]
    for response in answers:
        t.status(response, 503 if t.precise else 401)
        t.shape(response)
        t.true(not t.precise or response.header("retry-after"), "no Retry-After")
    t.status(server.request("GET", "/healthz"), 200)

    server, guest = full_disk(t, "allow")
    t.eq(guest.fetch(), SECRET, "resource with on_failure = allow")
    t.put("default/key/2", SECRET, server)
    t.eq(guest.fetch("default/key/2"), SECRET, "resource written meanwhile")


@case("EXT-175", "ALLOW", own=True)
def hangup(t):
    """SIGHUP reloads or at least harms nothing: sessions and memory survive it."""
    guest = t.guest()
    t.s.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    t.true(t.s.alive(), "ended on SIGHUP")
    t.eq(guest.fetch(), SECRET, "resource")


@case("EXT-176", own=True)
def development_mode(t):
    """`kbs --dev` needs no file, says loudly what it is, and listens on loopback only."""
    import subprocess
    directory = t.lane.directory("dev")
    with open(os.path.join(directory, "err"), "wb") as err:
        process = subprocess.Popen([t.lane.run.kbs, "--dev"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=err, cwd=directory, env=environment(HOME=directory))
    try:
        deadline, text = time.monotonic() + 15, ""
        while "listening" not in text and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
            with open(os.path.join(directory, "err"), encoding="utf-8") as file:
                text = file.read()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(15)
    if "in use" in text:
        raise Skip("the development port is in use on this machine")
    t.contains(text, "listening", "what --dev said")
    t.contains(text, "127.0.0.1", "what --dev said")
    t.true("warn" in text.lower(), "no warning")


@case("EXT-177", "JWT", own=True)
def parallel_writers_and_readers(t):
    """Policy uploads, reference values, handshakes and reads at once: every answer is one the protocol knows."""
    server = t.prepared()
    ends, problems = time.monotonic() + 1.5, []

    def work(action, wanted):
        while time.monotonic() < ends and not problems:
            try:
                response = action()
                if response.status not in wanted:
                    problems.append(f"{action.__name__}: {response}")
            except Exception as error:  # a dropped connection is what this looks for
                problems.append(f"{action.__name__}: {type(error).__name__} {error}")

    def upload():
        return t.post_policy(PA, server)

    def register():
        message = b'{"type":"sample","payload":"eyJ4IjoxfQ=="}'
        return server.as_admin("POST", "reference-value", message)

    def fetch():
        return Guest(server).handshake().get()

    threads = [threading.Thread(target=work, args=(action, {200})) for action in (upload, register, fetch, fetch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.eq(problems[:3], [], "problems")
