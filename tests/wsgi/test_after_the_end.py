"""Once a request is over, what it was given touches neither its connection nor another request."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

# ---- in close(), when the response is complete ----

CLOSING = """
    import os, threading

    go = threading.Event()

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole lines, whoever else writes

    class Items:
        def __init__(self, late): self.late = late
        def __iter__(self): return iter([b"first"])
        def close(self):
            assert go.wait(30)
            try:
                say("late:", repr(self.late()))
            except Exception as error:
                say("late:", type(error).__name__, error)

    def app(environ, start_response):
        path, body = environ["PATH_INFO"], environ["wsgi.input"]
        if path == "/go":
            go.set()
        if path.startswith("/late"):
            read = path != "/late-unread" and body.read()
            write = start_response("200 OK", LATE_HEADERS)
            return Items(eval(environ["QUERY_STRING"], {**globals(), **locals()}))
        data = body.read()
        start_response("200 OK", [])
        return [path.encode() + b" " + data]
"""
HEADERS = pytest.mark.parametrize("headers", ['[("Content-Length", "5")]', "[]"], ids=["length", "chunked"])
# What reading past the end gives: nothing, or an error of reading.
NOTHING = r"^late: (b''|\[\]|(ClientDisconnected|OSError|RuntimeError|ValueError) .*)$"
SECRET = b"a secret of another request"
NEXT = b"POST /next HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%b" % (len(SECRET), SECRET)


@pytest.fixture
def serve_closing(serve):
    def start(headers: str, *options: str):
        # The body timeout must not be what ends a reading.
        source = CLOSING.replace("LATE_HEADERS", headers)
        return serve(source, "--threads", "2", "--body-timeout", "10min", *options)

    return start


def late(way: str, body: bytes = b"", framing: str = "length", path: str = "/late") -> bytes:
    """A request that does `way` (an expression without spaces) late."""
    if framing == "chunked":
        field, body = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        field = b"Content-Length: %d" % len(body)
    return f"POST {path}?lambda:{way} HTTP/1.1\r\nHost: test\r\n".encode() + field + b"\r\n\r\n" + body


def release(server) -> None:
    with Client(server.port) as other:
        assert other.get("/go").status == 200


@HEADERS
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("way", ["body.read()", "body.read(5)", "body.read1(5)", "body.readlines()"])
def test_reading_late_does_not_find_the_next_request(serve_closing, way, framing, headers):
    server = serve_closing(headers, "--no-request-buffering")
    with Client(server.port) as client:
        client.send(late(way, b"own", framing))
        assert client.response().body == b"first"
        client.send(NEXT)
        release(server)
        server.wait_for(NOTHING)
        assert client.response().body == b"/next " + SECRET
        assert client.get("/after").body == b"/after "
    assert "secret" not in server.log


@pytest.mark.parametrize("own", [b"", b"own"])
def test_also_if_it_came_in_one_piece_with_the_first(serve_closing, own):
    server = serve_closing("[]", "--no-request-buffering")
    with Client(server.port) as client:
        client.send(late("body.read()", own) + NEXT)
        assert client.response().body == b"first"
        release(server)
        server.wait_for(NOTHING)
        assert client.response().body == b"/next " + SECRET
        assert client.get("/after").body == b"/after "
    assert "secret" not in server.log


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_was_not_read_may_be_gone_but_is_no_other(serve_closing, framing):
    server = serve_closing("[]", "--no-request-buffering")
    with Client(server.port) as client:
        client.send(late("body.read()", b"own", framing, "/late-unread") + NEXT)
        assert client.response().body == b"first"
        release(server)
        server.wait_for(NOTHING.replace("b''", "b''|b'own'"))
        assert client.response().body == b"/next " + SECRET
    assert "secret" not in server.log


def test_reading_late_does_not_wait_for_the_client(serve_closing):
    server = serve_closing("[]", "--no-request-buffering")
    with Client(server.port) as client:
        client.send(late("body.read()", b"own", "chunked"))
        assert client.response().body == b"first"
        release(server)
        server.wait_for(NOTHING)
        client.send(NEXT)
        assert client.response().body == b"/next " + SECRET


@HEADERS
@pytest.mark.parametrize(
    "way",
    [
        "write(b'more')",
        "start_response('500_Late'.replace('_',chr(32)),[])",
    ],
)
def test_a_response_that_is_complete_takes_no_more(serve_closing, way, headers):
    server = serve_closing(headers)
    with Client(server.port) as client:
        client.send(late(way))
        assert client.response().body == b"first"
        release(server)
        server.wait_for("^late: RuntimeError .+")
        # The connection lives on, and what comes next is the next response.
        client.send(NEXT)
        assert client.response().body == b"/next " + SECRET
        assert client.get("/after").body == b"/after "
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


def test_an_early_hint_that_is_late_is_forgotten(serve_closing):
    server = serve_closing("[]")
    with Client(server.port) as client:
        client.send(late("environ['wsgi.early_hints']([('Link','</a>')])"))
        assert client.response().body == b"first"
        release(server)
        server.wait_for("^late: ")
        client.send(NEXT)
        response = client.response()
        assert (response.status, response.body) == (200, b"/next " + SECRET)


# ---- when another request runs ----

KEEPING = """
    import sys

    kept = []

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/keep":
            write = start_response("200 OK", [("X-Request", "1")])
            kept.append(HOW)
            return [b"kept"]
        if path == "/begun":
            start_response("200 OK", [("X-Request", "2")])
        if path == "/streaming":
            start_response("200 OK", [("X-Request", "2")])(b"begun, ")
        told = []
        for old in kept:
            WHAT = old
            for call in CALLS:
                try:
                    call()
                    told.append("nothing was raised")
                except Exception as error:
                    told.append(f"{type(error).__name__}: {error}")
        if path == "/":
            start_response("200 OK", [("X-Request", "2")])
        return [repr(told).encode()]
"""
OVER = "RuntimeError: the request is over"
START = 'lambda: old_start("500 Old", [("X-Request", "1")])'
START_AGAIN = 'lambda: old_start("500 Old", [("X-Request", "1")], (ValueError, ValueError("old"), None))'
WRITE = 'lambda: old_write(b"old")'
HINT = 'lambda: old_environ["wsgi.early_hints"]([("X-Request", "1")])'


@pytest.mark.parametrize("path", ["/", "/begun", "/streaming"])
@pytest.mark.parametrize(
    ("what", "how", "calls"),
    [
        ("old_start", "start_response", [START]),
        ("old_start", "start_response", [START_AGAIN]),
        ("old_write", "write", [WRITE]),
        ("old_environ", "environ", [HINT]),
        ("old_environ", "environ.copy()", [HINT]),
        ("old_start, old_write, old_environ", "(start_response, write, environ)", [START, WRITE, HINT]),
    ],
)
def test_what_a_request_was_given_does_nothing_in_the_next(serve, what, how, calls, path):
    source = KEEPING.replace("HOW", how).replace("WHAT", what).replace("CALLS", f"[{', '.join(calls)}]")
    server = serve(source, "--threads", "1")
    with Client(server.port) as client:
        for count in (1, 2):
            assert client.get("/keep").body == b"kept"
            told = [OVER] * len(calls) * count
            response = client.get(path)
            assert (response.status, response.header("x-request")) == (200, "2")
            assert response.body.removeprefix(b"begun, ") == repr(told).encode()
    server.stop()
    assert "Traceback" not in server.log


def test_an_exception_that_keeps_its_frames_keeps_what_they_hold(serve):
    """As an error reporter does it: all of the failed request is still there, and is not the next one's."""
    server = serve(
        """
        reported = []

        def fails(environ, start_response):
            write = start_response("200 OK", [("X-Request", "1")])
            raise LookupError("reported")

        def app(environ, start_response):
            if environ["PATH_INFO"] == "/fail":
                try:
                    fails(environ, start_response)
                except LookupError as error:
                    reported.append(error)
                start_response("200 OK", [], (LookupError, reported[-1], reported[-1].__traceback__))
                return [b"failed"]
            told = []
            for error in reported:
                held = error.__traceback__.tb_next.tb_frame.f_locals
                for call in (
                    lambda: held["write"](b"old"),
                    lambda: held["start_response"]("500 Old", []),
                    lambda: held["environ"]["wsgi.early_hints"]([("X", "old")]),
                ):
                    try:
                        call()
                    except RuntimeError as error:
                        told.append(str(error))
            start_response("200 OK", [])
            return [repr(told).encode()]
        """,
        "--threads",
        "1",
    )
    with Client(server.port) as client:
        for count in range(1, 4):
            assert client.get("/fail").body == b"failed"
            assert client.get("/").body == repr(["the request is over"] * 3 * count).encode()


def test_the_next_request_begins_afresh(serve):
    """On the same thread, with objects that may have served the one before: in each state that this one can leave."""
    server = serve(
        """
        import yett

        def app(environ, start_response):
            path = environ["PATH_INFO"]
            hint = environ["wsgi.early_hints"]
            if path == "/fail":
                raise LookupError
            if path == "/fail-begun":
                start_response("500 Begun", [("X-Old", "1")])
                raise LookupError
            if path == "/nothing":
                return []
            if path == "/hint":
                start_response("200 OK", [("X-Old", "1")])
                hint([("X-Hint", "1")])
                return [b"hinted"]
            if path == "/written":
                start_response("200 OK", [("X-Old", "1")])(b"written")
                return []
            start_response("200 OK", [("X-New", "1")])
            hint([("X-Hint", "2")])
            return [b"fresh"]
        """,
        "--threads",
        "1",
    )
    for path in ("/fail", "/fail-begun", "/nothing", "/hint", "/written", "/"):
        with Client(server.port) as client:
            client.begin("GET", path)
            if path in ("/hint", "/"):
                assert client.response().status == 103
            client.response(final=True)
            client.begin("GET", "/")
            hint = client.response()
            assert (hint.status, hint.fields) == (103, [("X-Hint", "2")])
            response = client.response()
            assert (response.status, response.body) == (200, b"fresh")
            assert (response.header("x-new"), response.header("x-old")) == ("1", None)
