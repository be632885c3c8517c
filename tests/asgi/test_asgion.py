"""The whole life of a served process, as asgion judges it: from lifespan start-up to shutdown.

test_rules.py has the single rules, in the process of the tests; here is what only the end of a server shows.
"""

import json

import pytest

from support import Client

pytest.importorskip("asgion", reason="asgion needs Python 3.12 or later")

APP = """
    import asyncio
    import atexit
    import json

    import asgion

    async def lifespan(scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["begun"] = "at start-up"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(send, body):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            return await lifespan(scope, receive, send)
        match scope["path"]:
            case "/hello":
                await answer(send, b"hello")
            case "/echo":
                body, more = b"", True
                while more:
                    message = await receive()
                    body, more = body + message["body"], message["more_body"]
                await answer(send, body)
            case "/stream":
                await send({"type": "http.response.start", "status": 200})
                for number in range(20):
                    await send({"type": "http.response.body", "body": b"%d " % number, "more_body": True})
                    await asyncio.sleep(0)
                await send({"type": "http.response.body"})
                assert (await receive())["type"] in ("http.request", "http.disconnect")
            case "/state":
                await answer(send, scope["state"]["begun"].encode())
            case "/early":
                return  # without a response: the application's mistake
            case "/unread":
                await receive()
                await answer(send, b"unread")
            case "/wrong":
                try:
                    await send({"type": "http.response.body", "body": b"first"})
                except RuntimeError:
                    await answer(send, b"caught")

    app = asgion.Inspector(application, trace=True)

    @atexit.register
    def report():
        errors = [(v.scope_type, v.path, v.rule_id) for v in app.violations if v.severity == "error"]
        scopes = [trace.scope.type for trace in app.traces]
        print("report", json.dumps({"errors": errors, "scopes": scopes}), flush=True)
"""


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request, serve):
    return serve(APP, "--loop", request.param, "--lifespan", "on")


def report_of(server):
    """The errors that asgion has noted until the end, and how many http scopes there were."""
    assert server.stop() == 0
    # A line of the log may follow in the same line.
    report, _ = json.JSONDecoder().raw_decode(server.wait_for("report (.*)")[1])
    assert report["scopes"].count("lifespan") == 1, "the lifespan was inspected to its end"
    return report["errors"], report["scopes"].count("http")


def test_hello(server):
    with Client(server.port) as client:
        assert [client.get("/hello").body for _ in range(3)] == [b"hello"] * 3
    assert report_of(server) == ([], 3)


def test_an_echoed_body(server):
    with Client(server.port) as client:
        for size in (0, 1, 1000, 300_000):
            assert client.request("POST", "/echo", body=b"x" * size).body == b"x" * size
        client.begin("POST", "/echo", "Transfer-Encoding: chunked")
        client.send(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
        assert client.response().body == b"abcdef"
    assert report_of(server) == ([], 5)


def test_streaming(server):
    with Client(server.port) as client:
        assert client.get("/stream").body.split() == [b"%d" % number for number in range(20)]
    assert report_of(server) == ([], 1)


def test_lifespan_state(server):
    with Client(server.port) as client:
        assert [client.get("/state").body for _ in range(2)] == [b"at start-up"] * 2
    assert report_of(server) == ([], 2)


def test_a_body_that_is_not_read(server):
    with Client(server.port) as client:
        # Below what is thrown away of a body to keep its connection (256 KiB), however little of it has come by then.
        assert client.request("POST", "/unread", body=b"x" * 200_000).body == b"unread"
        assert client.get("/hello").body == b"hello"
    assert report_of(server) == ([], 2)


def test_an_early_return_is_the_only_error(server):
    with Client(server.port) as client:
        assert client.get("/early").status == 500
    with Client(server.port) as client:
        assert client.get("/hello").body == b"hello"
    assert report_of(server) == ([["http", "/early", "HF-001"]], 2)


def test_the_rules_are_checked(server):
    """A wrong application is caught; otherwise the other tests here would mean nothing."""
    with Client(server.port) as client:
        assert client.get("/wrong").body == b"caught"
    errors, _ = report_of(server)
    assert ["http", "/wrong", "HF-002"] in errors


def test_no_requests(server):
    assert report_of(server) == ([], 0)
