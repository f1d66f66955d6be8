"""A raw HTTP/1.1 client: sends exactly the bytes it is told to, and shows exactly what came back."""

import json
import socket
import ssl
import time
from dataclasses import dataclass, field

TIMEOUT = 20.0


class ProtocolError(Exception):
    """The peer closed early or did not speak HTTP/1.1."""


@dataclass
class Response:
    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""
    seconds: float = 0.0

    def header(self, name, default=None):
        """First header of that name, or `default`."""
        return next((v for k, v in self.headers if k == name.lower()), default)

    def all(self, name):
        return [v for k, v in self.headers if k == name.lower()]

    def json(self):
        return json.loads(self.body)

    def cookie(self):
        """(value, attributes by lower-case name) of the one Set-Cookie, or (None, {})."""
        lines = self.all("set-cookie")
        if len(lines) != 1:
            return None, {}
        first, *rest = [part.strip() for part in lines[0].split(";")]
        name, _, value = first.partition("=")
        attributes = {}
        for part in rest:
            key, _, text = part.partition("=")
            attributes[key.lower()] = text
        return (value if name == "kbs-session-id" else None), attributes

    def __str__(self):
        shown = self.body[:200].decode("utf-8", "replace")
        return f"{self.status} {shown!r}" + ("…" if len(self.body) > 200 else "")


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


class Connection:
    """One keep-alive connection. Not for use from two threads at once."""

    def __init__(self, host, port, tls=None, timeout=TIMEOUT):
        sock = socket.create_connection((host, port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = tls.wrap_socket(sock, server_hostname=host) if tls else sock
        self.host = f"{host}:{port}"
        self.buffer = bytearray()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def head(self, method, target, headers, length):
        lines = [as_bytes(method) + b" " + as_bytes(target) + b" HTTP/1.1"]
        names = {k.lower() for k, _ in headers}
        if "host" not in names:
            lines.append(b"Host: " + self.host.encode())
        if length is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(b"Content-Length: %d" % length)
        lines += [as_bytes(k) + b": " + as_bytes(v) for k, v in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def request(self, method, target, headers=(), body=None):
        """Sends one request and reads its answer. An answer that comes before the body is sent counts too."""
        started = time.monotonic()
        headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if body is None and method in ("POST", "PUT"):
            body = b""
        head = self.head(method, target, headers, None if body is None else len(body))
        try:
            self.sock.sendall(head + (body or b""))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the server may have answered (413) and stopped reading
        response = self.read_response(method)
        response.seconds = time.monotonic() - started
        return response

    def fill(self):
        try:
            data = self.sock.recv(262144)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def read_head(self):
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self.fill():
                raise ProtocolError("connection closed without an answer")
        head = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        lines = head.split(b"\r\n")
        parts = lines[0].split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):
            raise ProtocolError(f"not a status line: {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
        return int(parts[1]), headers

    def take(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise ProtocolError("connection closed in the middle of a body")
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def take_line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if not self.fill():
                raise ProtocolError("connection closed in the middle of a chunk")
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def read_chunks(self):
        parts = []
        while size := int(self.take_line().split(b";")[0], 16):
            parts.append(self.take(size))
            self.take_line()
        while self.take_line():
            pass
        return b"".join(parts)

    def read_response(self, method="GET"):
        status, headers = self.read_head()
        while 100 <= status < 200:
            status, headers = self.read_head()
        response = Response(status, headers)
        if method == "HEAD" or status in (204, 304):
            return response
        if "chunked" in response.header("transfer-encoding", "").lower():
            response.body = self.read_chunks()
        elif (length := response.header("content-length")) is not None:
            response.body = self.take(int(length))
        else:
            while self.fill():
                pass
            response.body = bytes(self.buffer)
            self.buffer.clear()
        return response


def exchange(host, port, method, target, headers=(), body=None, tls=None, timeout=TIMEOUT):
    """One request on a connection of its own."""
    with Connection(host, port, tls, timeout) as connection:
        return connection.request(method, target, headers, body)
