"""The rules of the ASGI specification, as asgion checks them: what we give, and what applications send."""

import asyncio

import pytest

from support.asgi import Outbox, piece, read_body, respond, start

asgion = pytest.importorskip("asgion", reason="asgion needs Python 3.12 or later")


async def lifespan(receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


def errors_of(inspector):
    return [violation for violation in inspector.violations if violation.severity == "error"]


@pytest.fixture
def inspected(connect):
    """`inspected(app)`: a client of the application; at the end no rule may have been broken."""
    inspectors = []

    def start_inspected(app, **settings):
        async def with_lifespan(scope, receive, send):
            await (lifespan(receive, send) if scope["type"] == "lifespan" else app(scope, receive, send))

        inspectors.append(asgion.Inspector(with_lifespan))
        return connect(inspectors[-1], lifespan="on", **settings)

    yield start_inspected
    for inspector in inspectors:
        assert errors_of(inspector) == []


def test_the_rules_are_checked(connect):
    """A wrong application is caught; otherwise the other tests here would mean nothing."""

    async def app(scope, receive, send):
        with pytest.raises(RuntimeError):
            await send({"type": "http.response.body", "body": b"first"})
        await respond(send)

    inspector = asgion.Inspector(app)
    assert connect(inspector).get().status == 200
    assert "HF-002" in [violation.rule_id for violation in errors_of(inspector)]


@pytest.mark.parametrize(
    "target",
    ["/", "/a%20b?c=d&e=%20", "/w%C3%B6rld", "/bad%FF", "//double", "/?", "http://other.example/x?y"],
)
def test_scopes(inspected, target):
    async def app(scope, receive, send):
        await read_body(receive)
        await respond(send, b"fine")

    client = inspected(app)
    for _ in range(2):
        assert client.get(target, "X-One: 1", "X-One: 2", "X-Obs: \xe9", "TE: trailers").body == b"fine"


@pytest.mark.parametrize("root_path", ["/api", "/a/b"])
def test_scopes_under_a_root_path(inspected, root_path):
    async def app(scope, receive, send):
        await respond(send, scope["path"].encode())

    client = inspected(app, root_path=root_path)
    assert client.get("/x").body == f"{root_path}/x".encode()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PROPFIND"])
def test_bodies(inspected, method):
    async def app(scope, receive, send):
        await respond(send, await read_body(receive))

    client = inspected(app)
    for size in (0, 1, 1000, 300_000):
        assert client.request(method, "/", body=b"x" * size).body == b"x" * size
    client.begin(method, "/", "Transfer-Encoding: chunked")
    client.send(b"3\r\nabc\r\n")
    client.send(b"3\r\ndef\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert client.response().body == b"abcdef"


def test_http_1_0(inspected):
    async def app(scope, receive, send):
        await respond(send, b"old")

    client = inspected(app)
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.response().body == b"old"


def test_streaming(inspected):
    async def app(scope, receive, send):
        await read_body(receive)
        await start(send, headers=[(b"content-type", b"text/plain")])
        for number in range(20):
            await piece(send, b"%d " % number)
            await asyncio.sleep(0)
        await send({"type": "http.response.body"})
        assert (await receive())["type"] == "http.disconnect"

    assert inspected(app).get().body.split() == [b"%d" % number for number in range(20)]


def test_a_client_that_leaves(inspected):
    told = Outbox()

    async def app(scope, receive, send):
        await read_body(receive)
        await start(send)
        await piece(send, b"begun")
        told.put((await receive())["type"])

    client = inspected(app)
    client.begin("GET", "/")
    client.head()
    client.reset()
    assert told.get() == "http.disconnect"


def test_extensions(inspected, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"from a file")

    async def app(scope, receive, send):
        if scope["path"] == "/path":
            await start(send)
            return await send({"type": "http.response.pathsend", "path": str(path)})
        if scope["path"] == "/zero":
            await start(send)
            with path.open("rb") as file:
                return await send({"type": "http.response.zerocopysend", "file": file.fileno(), "count": 4})
        if scope["path"] == "/hint":
            await send({"type": "http.response.early_hint", "links": [b"</a>"]})
            return await respond(send, b"hinted")
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"body"})
        return await send(
            {"type": "http.response.trailers", "headers": [(b"x-t", b"1")], "more_trailers": False}
        )

    client = inspected(app)
    assert client.get("/path").body == b"from a file"
    assert client.get("/zero").body == b"from"
    assert client.get("/trailers", "TE: trailers").trailers == [("x-t", "1")]
    client.begin("GET", "/hint")
    assert client.response(final=True).body == b"hinted"
