"""The configurations of conformance-cases.md §0, and those that single cases need, as TOML of today's dialect."""

import os
import ssl
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import jose
import pki

ADMIN_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # admin.md §2.3
FAR_FUTURE = 2101060000

ALLOW_ALL = 'authorization_mode = "InsecureAllowAll"'
DENY_ALL = 'authorization_mode = "DenyAll"'
KV = '[[plugins]]\nname = "resource"\nstorage_backend_type = "kvstorage"\n'
SAMPLE = '[[plugins]]\nname = "sample"\nitem = "value1"\n'
MEMORY = 'storage_type = "Memory"'
FIXED = b"placed in a read-only mount"


def admin_claims(role="admin", **changes):
    claims = {"iss": "TrusteeInDocker", "sub": "admin", "aud": ["KBS"], "role": role, "iat": 1785700000,
              "exp": FAR_FUTURE}
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


def admin_token(role="admin", key=ADMIN_KEY, alg="EdDSA", header=None, **changes):
    """A(role); a change to None leaves the claim out."""
    return jose.sign(key, alg, admin_claims(role, **changes), header)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def config(mode, admin=ALLOW_ALL, token="insecure_header_jwk = true", service="", broker="", http="", tls="",
           storage=MEMORY, plugins=KV + SAMPLE, extra=""):
    """One file from its sections. `service` None writes a resource-only server."""
    kind = "CoCoASBuiltIn" if service is not None else "None"
    parts = [
        f'[http_server]\nsockets = ["127.0.0.1:0"]\n{tls or "insecure_http = true"}\nerror_mode = "{mode}"\n{http}',
        f"[admin]\n{admin}" if admin is not None else "",
        f"[attestation_token]\n{token}",
        f'[attestation_service]\ntype = "{kind}"\n{service or ""}',
        f"[attestation_service.attestation_token_broker]\n{broker}" if broker else "",
        f"[storage_backend]\n{storage}" if storage is not None else "",
        plugins,
        extra,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def authenticated(providers, acls):
    return (
        'authorization_mode = "AuthenticatedAuthorization"\n'
        f"[admin.authentication.bearer_jwt]\nidentity_providers = [ {', '.join(providers)} ]\n"
        f"[admin.authorization.regex_acl]\nacls = [ {', '.join(acls)} ]"
    )


def acl(role, pattern, methods=None):
    more = f", methods = {jose.compact(methods)}" if methods else ""
    return f"{{ role = \"{role}\", allowed_endpoints = '{pattern}'{more} }}"


ACLS = (acl("admin", "^/kbs/.+$"), acl("storage", "^/kbs/v0/resource/.+$"))


def local_fs(path):
    return f'storage_type = "LocalFs"\n[storage_backend.backends.local_fs]\ndir_path = "{path}"'


@dataclass
class Material:
    """Keys and certificates, made once per run."""

    authority: pki.Authority = field(default_factory=pki.Authority)
    jwks_rsa: object = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    jwks_ec: object = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    jwks_no_alg: object = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    admin_ec: object = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    admin_rsa: object = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def client_tls(self, directory):
        context = ssl.create_default_context(cadata=self.authority.root.pem.decode())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class Builder:
    """Writes one fixture's files into `directory` and returns its configuration text."""

    def __init__(self, directory, mode, material):
        self.directory, self.mode, self.m = directory, mode, material
        self.tls = None
        self.admin = {}
        self.env = {}
        self.restore_signals = True
        self.secrets = []

    def file(self, name, data, secret=False):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        if secret:
            self.secrets += [line for line in data.decode().splitlines() if not line.startswith("-")]
        return path

    def config(self, **changes):
        return config(self.mode, **changes)

    def provider(self, key=ADMIN_KEY, name="admin.pub", issuer="TrusteeInDocker", audience="KBS"):
        path = self.file(name, jose.public_pem(key))
        return f'{{ issuer = "{issuer}", audience = "{audience}", public_key_uri = "{path}" }}'

    def jwks(self, name="jwks.json", no_alg=False):
        keys = [{**jose.public_jwk(self.m.jwks_rsa, "RS256"), "kid": "rsa-1"},
                {**jose.public_jwk(self.m.jwks_ec, "ES256"), "kid": "ec-1"}]
        if no_alg:
            keys.append({**jose.public_jwk(self.m.jwks_no_alg), "kid": "no-alg"})
        return self.file(name, jose.compact({"keys": keys}))

    # -- the fixtures of §0 --

    def ALLOW(self):
        return self.config()

    def DENY(self):
        return self.config(admin=DENY_ALL)

    def JWT(self):
        self.admin = bearer(admin_token())
        return self.config(admin=authenticated([self.provider()], ACLS))

    def X5C(self):
        signer = self.m.authority.signer
        root = self.file("root.pem", self.m.authority.root.pem)
        key, chain = self.file("signer.key", signer.key_pem, secret=True), self.file("signer.pem", signer.pem)
        return self.config(
            token=f'trusted_certs_paths = ["{root}"]',
            broker=f'[attestation_service.attestation_token_broker.signer]\nkey_path = "{key}"\ncert_path = "{chain}"')

    def JWKS(self):
        return self.config(service=None, token=f'trusted_jwk_sets = ["{self.jwks()}"]')

    def RES(self):
        return self.config(service=None)

    # -- variants for single cases --

    def ALLOW_MIB3(self):
        return self.config(http="payload_request_size = 3")

    def TIMEOUT1(self):
        return self.config(service="timeout = 1")

    def TIMEOUT0(self):
        return self.config(service="timeout = 0")

    def TERSE(self):
        return self.config(broker="verbose_token = false")

    def JWKS_NO_ALG(self):
        return self.config(service=None, token=f'trusted_jwk_sets = ["{self.jwks(no_alg=True)}"]')

    def EXTRA_PATH(self):
        return self.config(token='insecure_header_jwk = true\nextra_teekey_paths = ["/x/k"]')

    def LOCALFS(self):
        return self.config(storage=local_fs(os.path.join(self.directory, "store")))

    def TREE(self):
        root = os.path.join(self.directory, "repository")
        return self.config(plugins=f'[[plugins]]\nname = "resource"\ntype = "LocalFs"\ndir_path = "{root}"\n' + SAMPLE)

    def BARE(self):
        self.env = {"KBS_REPOSITORY_DIR": os.path.join(self.directory, "repository")}
        return self.config(storage=None, plugins='[[plugins]]\nname = "resource"\n' + SAMPLE)

    def MOUNTS(self):
        """Several places at once, each with another habit; `fixed` holds one file from the beginning."""
        fixed, sealed = os.path.join(self.directory, "fixed"), os.path.join(self.directory, "sealed")
        os.makedirs(os.path.join(fixed, "fixed", "key"))
        self.file("fixed/fixed/key/1", FIXED)
        os.makedirs(sealed)
        key = self.file("sealed.key", os.urandom(32))
        os.chmod(key, 0o600)
        mounts = ('[[mounts]]\nname = "main"\nbackend = "memory"\n'
                  '[[mounts]]\nrepository = "kept"\nbackend = "memory"\nkeep_deleted = true\n'
                  '[[mounts]]\nrepository = "history"\nbackend = "memory"\nguest_versions = true\n'
                  '[[mounts]]\nrepository = "brief"\nbackend = "memory"\nversions = 0\n'
                  f'[[mounts]]\nrepository = "fixed"\nbackend = "local_fs"\npath = "{fixed}"\nread_only = true\n'
                  f'[[mounts]]\nrepository = "sealed"\nbackend = "local_fs"\npath = "{sealed}"\n'
                  f'[mounts.encryption]\nkey_file = "{key}"\n')
        return self.config(plugins=SAMPLE, extra=mounts)

    def TLS(self):
        leaf = self.m.authority.tls
        key, chain = self.file("tls.key", leaf.key_pem, secret=True), self.file("tls.pem", leaf.pem)
        self.tls = self.m.client_tls(self.directory)
        self.env = {"RUST_LOG": "info"}
        return self.config(tls=f'private_key = "{key}"\ncertificate = "{chain}"')

    def PROVISIONER(self):
        return self.config(plugins=KV + SAMPLE + '[[plugins]]\nname = "provisioner"\n')

    def admins(self, providers, acls=ACLS):
        return self.config(admin=authenticated(providers, acls))

    def JWT_EC(self):
        return self.admins([self.provider(self.m.admin_ec)])

    def JWT_RSA(self):
        return self.admins([self.provider(self.m.admin_rsa)])

    def JWT_JWKS(self):
        keys = {"keys": [{**jose.public_jwk(ADMIN_KEY, "EdDSA"), "kid": "admin-1"}]}
        path = self.file("admin-jwks.json", jose.compact(keys))
        return self.admins([f'{{ issuer = "TrusteeInDocker", audience = "KBS", jwk_set_uri = "{path}" }}'])

    def LEGACY_KEY(self):
        return self.config(admin=f'auth_public_key = "{self.file("admin.pub", jose.public_pem(ADMIN_KEY))}"')

    def LEGACY_SIMPLE(self):
        path = self.file("admin.pub", jose.public_pem(ADMIN_KEY))
        return self.config(admin=f'type = "Simple"\n[[admin.personas]]\nid = "admin"\npublic_key_path = "{path}"')

    def ACL_PATHS(self):
        rules = [acl("exact", "^/kbs/v0/resource-policy$"), acl("team", "^/kbs/v0/[^/]+/teamA/.+$"),
                 acl("reader", "^/kbs/v0/(resource-policy|reference-value/.+)$", ["GET"]),
                 acl("writer", "^/kbs/v0/resource/.+$", ["POST"]),
                 acl("admin", "^/kbs/.+$"), acl("chief", "^/kbs/v0/admin/.+$")]
        self.admin = bearer(admin_token())
        return self.admins([self.provider()], rules)
