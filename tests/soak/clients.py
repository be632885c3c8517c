"""The clients of the soak test: each does, over and over, one of the things that clients do, and checks the answers."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from app import text

from support import Client

KINDS = ["plain", "plain", "plain", "generate", "write", "file", "wait", "wait", "compute", "fail"]
SMALL = [0, 1, 20, 1000, 10_000]
LARGE = [100_000, 300_000, 2_000_000]
# Of answers that the kernel does not hold for a client that reads slowly.
SLOW = 6_000_000


@dataclass
class Results:
    """What all clients have found, together."""

    answered: int = 0
    failed: int = 0
    left: int = 0
    done: Counter = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Request:
    method: str
    kind: str
    name: str
    size: int
    body: bytes

    @property
    def path(self) -> str:
        return f"/{self.kind}/{self.name}/{self.size}"


class Soaker(threading.Thread):
    """One after the other of the things below, at random, until `stop` is set."""

    def __init__(self, number: int, port: int, results: Results, stop: threading.Event, seed: int) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.port, self.results, self.stop = number, port, results, stop
        self.random = random.Random(f"{seed} {number}")
        self.requests = 0
        self.leaves = 0

    def run(self) -> None:
        while not self.stop.is_set():
            deed, weight = self.random.choice(DEEDS)
            if self.random.random() > weight:
                continue
            try:
                deed(self)
            except Exception as error:  # noqa: BLE001 - reported, and the load goes on
                with self.results.lock:
                    self.results.errors.append(f"{self.name}, {deed.__name__}: {error!r:.300}")
            else:
                with self.results.lock:
                    self.results.done[deed.__name__] += 1

    # ---- one request ----

    def request(self, *, method: str | None = None, size: int | None = None, client: str = "") -> Request:
        """The next request; `client`: under a name of its own."""
        self.requests += 1
        name = f"{client or self.number}/{self.requests}"
        method = method or self.random.choice(["GET", "POST"])
        if size is None:
            size = self.random.choice(SMALL if self.random.random() < 0.95 else LARGE)
        length = self.random.choice(SMALL if self.random.random() < 0.95 else LARGE)
        body = text(name, length) if method == "POST" else b""
        kind = self.random.choice(KINDS)
        if kind == "fail" and self.random.random() < 0.8:
            kind = "plain"
        return Request(method, kind, name, size, body)

    def encoded(self, request: Request, *fields: str, version: str = "1.1") -> bytes:
        """The bytes of a request, its body framed in either way."""
        fields = ("Host: test", f"X-Name: {request.name}", *fields)
        body = request.body
        if request.method == "POST":
            if version == "1.1" and self.random.random() < 0.5:
                fields += ("Transfer-Encoding: chunked",)
                chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.cut(body))
                body = chunks + b"0\r\n\r\n"
            else:
                fields += (f"Content-Length: {len(body)}",)
        lines = [f"{request.method} {request.path} HTTP/{version}", *fields, "", ""]
        return "\r\n".join(lines).encode() + body

    def cut(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            length = self.random.choice([1, 100, 5000, 70_000])
            yield data[at : at + length]
            at += length

    def check(self, client: Client, request: Request) -> bool:
        """Read the answer, which must be that of this request. Whether the connection stays."""
        response = client.response(method=request.method)
        if request.kind == "fail":
            assert response.status == 500, f"{request.path}: {response.status}"
        else:
            found = response.status, response.header("x-name"), len(response.body)
            assert found == (200, request.name, request.size), f"{request.path}: {found}"
            assert response.body == text(request.name, request.size), f"{request.path}: the body of another"
        with self.results.lock:
            self.results.answered += 1
            self.results.failed += request.kind == "fail"
        return response.header("connection") != "close"

    # ---- what clients do ----

    def keep_alive(self) -> None:
        with Client(self.port) as client:
            for _ in range(self.random.randrange(1, 30)):
                request = self.request()
                client.send(self.encoded(request))
                assert self.check(client, request), "the connection is closed"

    def close(self) -> None:
        with Client(self.port) as client:
            request = self.request()
            client.send(self.encoded(request, "Connection: close"))
            assert not self.check(client, request)
            assert client.rest() == b""

    def old(self) -> None:
        with Client(self.port) as client:
            request = self.request()
            client.send(self.encoded(request, version="1.0"))
            self.check(client, request)

    def pipeline(self) -> None:
        with Client(self.port) as client:
            for _ in range(self.random.randrange(1, 5)):
                requests = [
                    self.request(size=self.random.choice(SMALL)) for _ in range(self.random.randrange(2, 20))
                ]
                # Bodies small enough that nobody waits for the other to read.
                for request in requests:
                    request.body = request.body[:1000]
                client.send(b"".join(self.encoded(request) for request in requests))
                for request in requests:
                    assert self.check(client, request), "the connection is closed"

    def half_closed(self) -> None:
        with Client(self.port) as client:
            request = self.request()
            client.send(self.encoded(request))
            client.finish_sending()
            self.check(client, request)
            assert client.rest() == b""

    def send_slowly(self) -> None:
        with Client(self.port) as client:
            request = self.request(method="POST")
            data = self.encoded(request)
            for at in range(0, min(len(data), 400), 7):
                client.send(data[at : min(at + 7, 400)])
                self.stop.wait(0.001)
            client.send(data[400:])
            assert self.check(client, request)

    def read_slowly(self) -> None:
        with Client(self.port, receive_buffer=4096) as client:
            request = self.request(method="GET", size=SLOW)
            request.kind = self.random.choice(["plain", "generate", "write", "file"])
            client.send(self.encoded(request))
            for _ in range(50):
                client._more()
                self.stop.wait(0.005)
            assert self.check(client, request)

    def leave(self) -> None:
        """Somewhere: in the request, before the answer, or in it."""
        self.leaves += 1
        client = Client(self.port)
        request = self.request(
            size=self.random.choice([20, 100_000, SLOW]), client=f"L{self.number}.{self.leaves}"
        )
        data = self.encoded(request)
        client.send(data[: self.random.choice([0, 1, 30, len(data) // 2, len(data)])])
        with self.results.lock:
            self.results.left += 1
        if self.random.random() < 0.3:
            client.socket.settimeout(0.02)
            try:
                client._more()
            except (TimeoutError, EOFError):
                pass
        self.random.choice([client.close, client.reset])()

    def idle(self) -> None:
        with Client(self.port) as client:
            request = self.request()
            client.send(self.encoded(request))
            assert self.check(client, request)
            self.stop.wait(0.05)
            request = self.request()
            client.send(self.encoded(request))
            assert self.check(client, request)


# Each with how often it is done when its turn comes: what takes long is done less often.
DEEDS: list[tuple[Callable[[Soaker], None], float]] = [
    (Soaker.keep_alive, 1),
    (Soaker.close, 1),
    (Soaker.old, 0.5),
    (Soaker.pipeline, 1),
    (Soaker.half_closed, 0.5),
    (Soaker.send_slowly, 0.3),
    (Soaker.read_slowly, 0.05),
    (Soaker.leave, 1),
    (Soaker.idle, 0.3),
]
