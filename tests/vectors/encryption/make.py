#!/usr/bin/env python3
"""Writes envelopes.json and store.json from docs/encryption-at-rest.md alone.

An implementation beside the product's, with python `cryptography`: what both understand is the
format, and not an accident of one of them. Everything random is made of a counter, so that a second
run writes the same bytes. Every key here is a published test key.
"""
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

NEVER = -(2**63)
count = 0


def noise(size):
    global count
    count += 1
    return hashlib.sha256(b"vector %d" % count).digest()[:size]


def magic(word):
    return b"\x89" + word + b"\n"


def hkdf(key, info):
    return HKDF(hashes.SHA256(), 32, None, info).derive(key)


def counted(form, text):
    return struct.pack(form, len(text)) + text


def key_id(kind, key):
    return f"{kind}:{hmac.digest(key, b'kbs key id 1', 'sha256')[:8].hex()}".encode()


def wrap(key, data_key, context):
    nonce = noise(12)
    return nonce + AESGCM(key).encrypt(nonce, data_key, context)


def envelope(kek, store, seq, path, value, content_type=b"", not_after=NEVER, kind="file"):
    data_key, nonce = noise(32), noise(12)
    first = magic(b"KBSENV") + b"\x01" + store + seq + struct.pack(">q", not_after)
    bound = first + counted(">H", content_type) + counted(">H", path.encode())
    wrapped = wrap(kek, data_key, b"kbs data key 1" + store + seq)
    name = key_id(kind, kek)
    lengths = struct.pack(">HBHQ", len(content_type), len(name), len(wrapped), len(value))
    sealed = AESGCM(data_key).encrypt(nonce, value, bound)
    return first + nonce + lengths + content_type + name + wrapped + sealed


def state(seq, size, not_after=NEVER, kind=1):
    return bytes([kind]) + seq + struct.pack(">Qq", size, not_after)


def sealed_at(key, word, store, number, part, content):
    head = magic(word) + b"\x01" + store + struct.pack(">QI", number, part)
    nonce = noise(12)
    return head + nonce + AESGCM(hkdf(key, head)).encrypt(nonce, content, head)


def header(store, store_key, era, keys):
    out = magic(b"KBSHDR") + b"\x01" + store + b"\x01" + era + struct.pack(">Q", 1)
    out += bytes([len(keys)])
    for name, kdf, kek in keys:
        wrapped = wrap(kek, store_key, b"kbs store key 1" + store)
        out += counted(">B", name) + kdf + counted(">H", wrapped)
    return out + hmac.digest(hkdf(store_key, b"kbs header 1"), out, "sha256")


def envelopes():
    rows = []
    for why, path, value, content_type, not_after in [
        ("a text", "default/key/1", b"correct horse battery staple", b"text/plain", NEVER),
        ("an empty value", "default/key/empty", b"", b"", NEVER),
        ("every byte value", "a/b/c", bytes(range(256)), b"application/octet-stream", NEVER),
        ("one that expires", "default/key/2", b"until then", b"", 1785700000123456),
        ("an expiry before the epoch", "default/key/3", b"gone", b"", -1),
    ]:
        kek, store, seq = noise(32), noise(16), noise(16)
        rows.append(
            {
                "why": why,
                "key": kek.hex(),
                "key_id": key_id("file", kek).decode(),
                "store": store.hex(),
                "seq": seq.hex(),
                "path": path,
                "value": value.hex(),
                "content_type": content_type.decode(),
                "not_after": None if not_after == NEVER else not_after,
                "envelope": envelope(kek, store, seq, path, value, content_type, not_after).hex(),
            }
        )
    return rows


def whole_store():
    store, era, store_key, kek, salt = noise(16), noise(16), noise(32), noise(32), noise(16)
    stretched = Scrypt(salt=salt, length=32, n=2**10, r=8, p=1).derive(b"correct horse")
    keys = [
        (key_id("file", kek), b"\x00", kek),
        (key_id("passphrase", stretched), b"\x01" + struct.pack(">BII", 10, 8, 1) + salt, stretched),
    ]
    one, two = noise(16), noise(16)
    records, checkpoints = hkdf(store_key, b"kbs journal 1" + era), hkdf(store_key, b"kbs checkpoint 1" + era)
    # Record 1 announces default/key/1; a checkpoint follows, in two parts; record 2 confirms.
    intent = b"\x01" + counted(">H", b"default/key/1") + state(one, 5)
    first = sealed_at(records, b"KBSJNL", store, 1, 0, bytes(32) + struct.pack(">H", 1) + intent)
    after = hashlib.sha256(first).digest()
    number = 1 << 12
    confirm = b"\x02" + counted(">H", b"default/key/1") + struct.pack(">Q", number)
    second = sealed_at(records, b"KBSJNL", store, 2, 0, after + struct.pack(">H", 1) + confirm)
    live = b"\x01" + counted(">H", b"default/key/2") + state(two, 5)
    open_intent = b"\x02" + counted(">H", b"default/key/1") + struct.pack(">Q", number) + state(one, 5)
    parts = [b"\x00" + after + live, b"\x01" + after + open_intent]
    resources = {
        "_kbs/store/header": header(store, store_key, era, keys),
        "_kbs/journal/0000000000000001": first,
        "_kbs/journal/0000000000000002": second,
        "_kbs/checkpoint/0000000000000001-0000": sealed_at(checkpoints, b"KBSCKP", store, 1, 0, parts[0]),
        "_kbs/checkpoint/0000000000000001-0001": sealed_at(checkpoints, b"KBSCKP", store, 1, 1, parts[1]),
        "default/key/1": envelope(kek, store, one, "default/key/1", b"first"),
        "default/key/2": envelope(kek, store, two, "default/key/2", b"other"),
    }
    return [
        {
            "key": kek.hex(),
            "passphrase": "correct horse",
            "values": {"default/key/1": "first", "default/key/2": "other"},
            "resources": {name: data.hex() for name, data in resources.items()},
        }
    ]


for name, rows in (("envelopes.json", envelopes()), ("store.json", whole_store())):
    with open(name, "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
        out.write("\n")
