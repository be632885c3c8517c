"""A client that sends exactly the bytes it is told, and reads responses strictly."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from .server import PATIENCE_SECONDS


@dataclass
class Response:
    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """The value of a field that may occur once."""
        values = [value for field, value in self.fields if field.lower() == name.lower()]
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


class Client:
    """One connection. Reading fails after a patience that only a hang exhausts."""

    def __init__(self, address: int | str | tuple[str, int], *, receive_buffer: int | None = None) -> None:
        """`address`: a port of 127.0.0.1, the path of a unix socket, or (host, port)."""
        if isinstance(address, int):
            address = ("127.0.0.1", address)
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_SECONDS)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, path: str = "/", *fields: str) -> Response:
        """Send a GET over HTTP/1.1 and read the response."""
        lines = [f"GET {path} HTTP/1.1", "Host: test", *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))
        return self.response()

    def request(self, method: str, path: str, *fields: str, body: bytes = b"") -> Response:
        """Send a whole request over HTTP/1.1, its length given, and read the response."""
        self.begin(method, path, *fields, f"Content-Length: {len(body)}")
        self.send(body)
        return self.response(method=method)

    def begin(self, method: str, path: str, *fields: str) -> None:
        """Send the head of a request over HTTP/1.1 and nothing more."""
        self.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *fields, "", ""]).encode("latin-1"))

    def finish_sending(self) -> None:
        """Send FIN; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset, as a crashed or killed client does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def response(self, *, method: str = "GET", final: bool = False) -> Response:
        """Read one response, interim ones included unless `final`. Raises EOFError if it is cut short."""
        while True:
            head = self._until(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            version, status, reason = first.split(" ", 2)
            fields = [self._field(line) for line in lines]
            response = Response(version, int(status), reason, fields, b"", [])
            if response.status >= 200:
                self._read_body(response, method)
                return response
            if not final:
                return response

    def stays_silent(self, seconds: float) -> None:
        """The server says nothing for so long."""
        self.socket.settimeout(seconds)
        try:
            self._more()
        except TimeoutError:
            self.socket.settimeout(PATIENCE_SECONDS)
        else:
            raise AssertionError(f"the server has said {self._buffer[:200]!r}")

    def rest(self) -> bytes:
        """Everything until the server closes. ConnectionResetError if it resets."""
        data, self._buffer = self._buffer, b""
        while chunk := self.socket.recv(65536):
            data += chunk
        return data

    def head(self) -> str:
        """The head of a response and nothing more."""
        return self._until(b"\r\n\r\n").decode("latin-1")

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes. EOFError if there are fewer."""
        pieces, have = [self._buffer], len(self._buffer)
        while have < length:
            chunk = self.socket.recv(65536)
            if not chunk:
                self._buffer = b"".join(pieces)
                raise EOFError(f"the server closed; unread: {self._buffer[:200]!r}")
            pieces.append(chunk)
            have += len(chunk)
        data = b"".join(pieces)
        self._buffer = data[length:]
        return data[:length]

    def _read_body(self, response: Response, method: str) -> None:
        if method == "HEAD" or response.status in (204, 304):
            return
        if (coding := response.header("transfer-encoding")) is not None:
            assert coding == "chunked"
            assert response.header("content-length") is None
            chunks = []
            while size := int(self._until(b"\r\n"), 16):
                chunks.append(self.read(size))
                assert self.read(2) == b"\r\n"
            while (line := self._until(b"\r\n")) != b"\r\n":
                response.trailers.append(self._field(line.decode("latin-1")[:-2]))
            response.body = b"".join(chunks)
        elif (length := response.header("content-length")) is not None:
            response.body = self.read(int(length))
        else:
            response.body = self.rest()

    @staticmethod
    def _field(line: str) -> tuple[str, str]:
        name, value = line.split(":", 1)
        return name, value.strip()

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        at = self._buffer.index(end) + len(end)
        data, self._buffer = self._buffer[:at], self._buffer[at:]
        return data

    def _more(self) -> None:
        chunk = self.socket.recv(65536)
        if not chunk:
            raise EOFError(f"the server closed; unread: {self._buffer[:200]!r}")
        self._buffer += chunk

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()


def refuses(address: int | str) -> bool:
    """Whether nobody listens there: a port, or the path of a socket."""
    try:
        Client(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except ConnectionResetError:
        # It stopped listening at this very moment: the next one tells.
        return refuses(address)
    return False
