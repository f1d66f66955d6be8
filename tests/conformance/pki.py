"""Certificates for the fixtures, made on the fly."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import jose

HOUR = datetime.timedelta(hours=1)


def usage(**on):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})


class Identity:
    """A private key and the certificates that vouch for it, leaf first."""

    def __init__(self, key, certificate, issuers=()):
        self.key, self.certificate, self.chain = key, certificate, [certificate, *issuers]

    @property
    def pem(self):
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in self.chain)

    @property
    def key_pem(self):
        return jose.private_pem(self.key)

    def x5c(self, encode=jose.b64, count=None):
        return [encode(c.public_bytes(serialization.Encoding.DER)) for c in self.chain[:count]]

    def jwk(self, **members):
        return {**jose.public_jwk(self.key, "ES256"), **members}


def issue(name, issuer=None, *, ca=False, days=30, started=2, extended=None, key_usage=None, san=False):
    """A P-256 identity under `issuer` (itself when None). `days` may be negative: expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=started))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if key_usage is None:
        key_usage = usage(key_cert_sign=True, crl_sign=True) if ca else usage(digital_signature=True)
    builder = builder.add_extension(key_usage, critical=True)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if san:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    above = issuer.chain if issuer else []
    # The root itself does not travel.
    return Identity(key, certificate, [c for c in above if c.subject != c.issuer])


class Authority:
    """The test root of the X5C and TLS fixtures, with everything below it that the cases need."""

    def __init__(self):
        self.root = issue("test root", ca=True)
        self.other_root = issue("another root", ca=True)
        self.signer = issue("token signer", self.root)  # the X5C server's own
        self.sibling = issue("another token signer", self.root)
        self.intermediate = issue("intermediate", self.root, ca=True)
        self.below = issue("token signer below", self.intermediate)
        self.foreign = issue("foreign signer", self.other_root)
        self.expired = issue("expired signer", self.root, days=-1, started=30)
        server = [ExtendedKeyUsageOID.SERVER_AUTH]
        self.tls = issue("localhost", self.root, extended=server, san=True)
        self.tls_client = issue("client", self.root, extended=[ExtendedKeyUsageOID.CLIENT_AUTH])
        self.no_signature = issue("key agreement only", self.root, key_usage=usage(key_agreement=True))
