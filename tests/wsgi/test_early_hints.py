"""`wsgi.early_hints`, as Gunicorn has it: a 103 response (RFC 8297) for each call."""

import pytest

from support import Client
from support.peers import STAND_IN, only_yett

pytestmark = pytest.mark.skipif(STAND_IN == "waitress", reason="has no early hints")

SETUP = """
    import threading

    go = threading.Event()

    def app(environ, start_response):
        hint = environ["wsgi.early_hints"]
        if environ["PATH_INFO"] == "/go":
            go.set()
            start_response("200 OK", [])
            return [b"noted"]
        return answer(hint, start_response)
"""


@pytest.fixture
def serve_answer(serve):
    def start(answer, *options):
        source = f"{SETUP}\n    def answer(hint, start_response):\n"
        return serve(source + "".join(f"        {line}\n" for line in answer.strip().splitlines()), *options)

    return start


def test_hints_are_sent_at_once(serve_answer):
    server = serve_answer(
        """
assert hint([("Link", "</a.css>; rel=preload; as=style"), ("Link", "</b.js>; rel=preload")]) is None
assert go.wait(30)
start_response("200 OK", [("Content-Length", "4")])
return [b"body"]
        """
    )
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/")
        hints = client.response()
        assert (hints.status, hints.reason) == (103, "Early Hints")
        assert hints.fields == [("Link", "</a.css>; rel=preload; as=style"), ("Link", "</b.js>; rel=preload")]
        assert other.get("/go").body == b"noted"
        response = client.response()
        assert (response.status, response.body, response.header("link")) == (200, b"body", None)


def test_several_times(serve_answer):
    server = serve_answer(
        """
for number in range(3):
    hint([("X-Number", str(number))])
start_response("200 OK", [("Content-Length", "4")])
return [b"body"]
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            client.begin("GET", "/")
            assert [client.response().header("x-number") for _ in range(3)] == ["0", "1", "2"]
            assert client.response().body == b"body"


def test_not_to_http_1_0(serve_answer):
    server = serve_answer(
        """
hint([("Link", "</a>")])
start_response("200 OK", [])
return [b"body"]
        """
    )
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.response().status == 200


def test_until_the_head_is_out(serve_answer):
    """`start_response` sends nothing yet, so that hints may follow; afterwards they are forgotten without a word."""
    server = serve_answer(
        """
start_response("200 OK", [("Content-Length", "8")])
hint([("X-When", "in time")])
yield b"body"
hint([("X-When", "too late")])
yield b"more"
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            client.begin("GET", "/")
            hints = client.response()
            assert (hints.status, hints.header("x-when")) == (103, "in time")
            assert client.response().body == b"bodymore"


def test_bytes_will_do(serve_answer):
    server = serve_answer(
        """
hint(((name, b"caf\\xe9") for name in (b"X-Bytes", "X-Mixed")))
start_response("200 OK", [])
return []
        """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        assert client.response().fields == [("X-Bytes", "caf\xe9"), ("X-Mixed", "caf\xe9")]


@pytest.mark.parametrize(
    "wrong",
    [
        '[("X-Evil", "a\\r\\nX: b")]',
        '[("X-Evil", "a\\nb")]',
        '[("X Evil", "a")]',
        '[("X-Evil", 5)]',
        "[5]",
        "7",
    ],
)
def test_wrong_hints_are_refused_at_their_line(serve_answer, wrong):
    server = serve_answer(
        f"""
hint({wrong})  # the wrong one
start_response("200 OK", [])
return []
        """
    )
    with Client(server.port) as client:
        assert client.get().status == 500
    server.wait_for("# the wrong one")


@only_yett
def test_what_frames_a_body_is_left_out(serve_answer):
    server = serve_answer(
        """
hint([("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Link", "</a>")])
start_response("200 OK", [])
return [b"body"]
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            client.begin("GET", "/")
            assert client.response().fields == [("Link", "</a>")]
            assert client.response().body == b"body"


@only_yett
def test_hints_to_a_client_that_has_gone(serve_answer):
    server = serve_answer(
        """
assert go.wait(30)
for number in range(1000):
    hint([("X-Filler", "x" * 1000)])
start_response("200 OK", [])
return []
        """
    )
    client = Client(server.port)
    client.begin("GET", "/")
    client.reset()
    with Client(server.port) as other:
        assert other.get("/go").body == b"noted"
        other.begin("GET", "/")
        assert other.response(final=True).status == 200
    server.stop()
    assert "Traceback" not in server.log
