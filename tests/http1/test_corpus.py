"""The corpus of raw requests (tests/corpus) through a running server: whole, cut at every byte, and byte by byte.

A piece must reach the parser by itself. Over a unix socket that can be known: the kernel counts what the server has not
read yet (`TIOCOUTQ`).
"""

import array
import fcntl
import json
import termios
import time
from collections import deque
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from corpus.corpus import Entry, Request, entries
from support import Client, Response
from support.server import PATIENCE_SECONDS

# What the application saw, in a header of the response: HEAD gets it, too.
ASGI = """
    import json

    calls = 0

    async def app(scope, receive, send):
        global calls
        if scope["path"] == "/calls":
            body = b"%d" % calls
            calls = 0
        else:
            calls += 1
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message["body"]
                more = message["more_body"]
        text = lambda value: value.decode("latin-1")
        seen = {
            "method": scope["method"],
            "version": scope["http_version"],
            "raw_path": text(scope["raw_path"]),
            "query": text(scope["query_string"]),
            "headers": [[text(name), text(value)] for name, value in scope["headers"]],
            "body": text(body),
            "trailers": "http.response.trailers" in scope["extensions"],
        }
        headers = [(b"x-seen", json.dumps(seen).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["path"] == "/calls" else b""})
"""
WSGI = """
    import json

    calls = 0

    def app(environ, start_response):
        global calls
        body = environ["wsgi.input"].read()
        if environ["PATH_INFO"] == "/calls":
            body = b"%d" % calls
            calls = 0
        else:
            calls += 1
        seen = {
            "method": environ["REQUEST_METHOD"],
            "version": environ["SERVER_PROTOCOL"].removeprefix("HTTP/"),
            "query": environ["QUERY_STRING"],
            "target": environ["RAW_URI"],
            "path": environ["PATH_INFO"],
            "environ": {
                name: value for name, value in environ.items()
                if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
            },
            "body": body.decode("latin-1"),
        }
        start_response("200 OK", [("x-seen", json.dumps(seen))])
        return [body if environ["PATH_INFO"] == "/calls" else b""]
"""

ENTRIES = list(entries())
# Where a long entry is cut: its structure is at its ends, the middle is filling.
WHOLE_UP_TO = 400
# Connections at a time: below the backlog of any kernel.
BATCH = 100


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def interface(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(serve_module, interface):
    # Two addresses of one server, so that everything also goes over TCP. A head may take long, byte by byte.
    options = ["--bind", "127.0.0.1:0", "--bind", "unix:s", "--head-timeout", "10min"]
    if interface == "asgi":
        return serve_module(ASGI, "--lifespan", "off", *options)
    return serve_module(WSGI, "--threads", "4", *options)


@pytest.fixture(scope="module")
def path(server) -> str:
    return str(server.folder / "s")


@pytest.fixture
def calls(server):
    """How often the application was called since the last time that was asked."""

    def ask() -> int:
        with Client(server.port) as client:
            return int(client.get("/calls").body)

    ask()
    return ask


def wait_until_read(client: Client) -> None:
    """Wait until the server has read all that was sent over a unix socket."""
    unread = array.array("i", [0])
    patience = time.monotonic() + PATIENCE_SECONDS
    while fcntl.ioctl(client.socket, termios.TIOCOUTQ, unread) == 0 and unread[0]:
        assert time.monotonic() < patience, "the server does not read"
        time.sleep(0)


def cuts(entry: Entry) -> list[int]:
    length = len(entry.raw)
    if length <= WHOLE_UP_TO:
        return list(range(1, length))
    return [*range(1, WHOLE_UP_TO // 2), *range(length - WHOLE_UP_TO // 2, length)]


def check(client: Client, entry: Entry) -> None:
    """All has been sent: read what comes back, and compare."""
    for request in entry.requests:
        response = client.response(method=request.method.decode(), final=True)
        check_request(request, response)
    client.finish_sending()
    if entry.refuse is not None:
        response = client.response(final=True)
        assert (response.status, response.header("connection")) == (entry.refuse, "close"), entry.name
        assert 10 < len(response.body) < 100
    assert client.rest() == b""


def check_request(request: Request, response: Response) -> None:
    seen = json.loads(response.header("x-seen"))
    text = lambda value: value.decode("latin-1")  # noqa: E731
    assert response.status == 200
    assert seen["method"] == text(request.method)
    assert seen["version"] == text(request.version)
    assert seen["body"] == text(request.body)
    if "environ" in seen:
        check_environ(request, seen)
    else:
        check_scope(request, seen)
    if "query" in request.parts:
        assert seen["query"] == text(request.parts["query"])
    connection = response.header("connection")
    if request.version == b"1.0":
        assert connection == ("keep-alive" if request.keep_alive else "close")
    else:
        assert connection == (None if request.keep_alive else "close")


def check_scope(request: Request, seen: dict[str, Any]) -> None:
    text = lambda value: value.decode("latin-1")  # noqa: E731
    assert seen["headers"] == [[text(name).lower(), text(value)] for name, value in request.fields or []]
    if "path" in request.parts:
        assert seen["raw_path"] == text(request.parts["path"])
    if request.target.startswith(b"/"):
        path, _, query = text(request.target).partition("?")
        assert (seen["raw_path"], seen["query"]) == (path, query)
    if "te" in request.parts:
        assert seen["trailers"] == (request.parts["te"] == b"trailers" and request.version == b"1.1")


def check_environ(request: Request, seen: dict[str, Any]) -> None:
    """As PEP 3333 and CGI (RFC 3875) name and join them."""
    expected: dict[str, str] = {}
    for raw_name, raw_value in request.fields or []:
        name, value = raw_name.decode().upper().replace("-", "_"), raw_value.decode("latin-1")
        if b"_" in raw_name or name == "PROXY":
            continue
        if name == "TRANSFER_ENCODING":
            # The body has been collected: its length is told instead.
            expected["CONTENT_LENGTH"] = str(len(request.body))
        elif name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            expected.setdefault(name, value)  # one value, however often it was sent
        else:
            joint = "; " if name == "COOKIE" else ","
            key = f"HTTP_{name}"
            expected[key] = f"{expected[key]}{joint}{value}" if key in expected else value
    assert seen["environ"] == expected
    assert seen["target"] == request.target.decode("latin-1")
    if "path" in request.parts:
        assert seen["path"] == unquote_to_bytes(request.parts["path"]).decode("latin-1")


def test_the_corpus_is_as_large_as_it_should_be():
    assert len(ENTRIES) >= 150
    assert sum(entry.refuse is not None for entry in ENTRIES) >= 75
    assert sum(not entry.refuse for entry in ENTRIES) >= 75


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_whole(server, entry):
    with Client(server.port) as client:
        client.send(entry.raw)
        check(client, entry)


def test_the_application_is_never_called_for_what_is_refused(path, calls, interface):
    begun = set()
    for entry in ENTRIES:
        with Client(path) as client:
            client.send(entry.raw)
            check(client, entry)
        if calls() != len(entry.requests):
            begun.add(entry.name)
    if interface == "wsgi":
        assert begun == set(), "a body is collected before the application is called"
    else:
        # A body that begins well and breaks off: the application is already reading it.
        begun = {name for name in begun if "cut-off" not in name}
        assert begun == {"body-absent", "chunk-last-with-other-bytes"}


def test_in_two_pieces_cut_at_every_byte(path):
    jobs = deque((entry, at) for entry in ENTRIES for at in cuts(entry))
    assert len(jobs) > 10_000
    while jobs:
        batch = [(*jobs.popleft(), Client(path)) for _ in range(min(BATCH, len(jobs)))]
        for entry, at, client in batch:
            client.send(entry.raw[:at])
        for entry, at, client in batch:
            wait_until_read(client)
            client.send(entry.raw[at:])
        for entry, at, client in batch:
            try:
                check(client, entry)
            except (AssertionError, EOFError, TypeError) as error:
                raise AssertionError(f"{entry.name} cut at {at}: {error}") from error
            client.close()


def test_byte_by_byte(path):
    shorter = [entry for entry in ENTRIES if len(entry.raw) <= WHOLE_UP_TO]
    clients = [(entry, Client(path)) for entry in shorter]
    for at in range(max(len(entry.raw) for entry in shorter)):
        sending = [(entry, client) for entry, client in clients if at < len(entry.raw)]
        for entry, client in sending:
            client.send(entry.raw[at : at + 1])
        for _, client in sending:
            wait_until_read(client)
    for entry, client in clients:
        try:
            check(client, entry)
        except (AssertionError, EOFError, TypeError) as error:
            raise AssertionError(f"{entry.name} byte by byte: {error}") from error
        client.close()


def test_over_tcp_in_small_segments(server):
    """As networks cut: the kernel decides what arrives together."""
    for entry in ENTRIES:
        with Client(server.port) as client:
            for at in range(0, min(len(entry.raw), WHOLE_UP_TO), 7):
                client.send(entry.raw[at : min(at + 7, WHOLE_UP_TO)])
            client.send(entry.raw[WHOLE_UP_TO:])
            check(client, entry)
