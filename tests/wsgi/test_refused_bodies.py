"""Without request buffering: what an application may do after it was told that the rest of its body will not come."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

# Long enough for a test to find that somebody waits for it.
OPTIONS = ("--no-request-buffering", "--threads", "1", "--body-timeout", "10min")
APP = """
    import os

    def note(text):
        # Whole, or not at all.
        with open("new", "w") as file:
            file.write(text)
        os.rename("new", "noted")

    def app(environ, start_response):
        body = environ["wsgi.input"]
        if environ["PATH_INFO"] == "/noted":
            start_response("200 OK", [])
            return [open("noted", "rb").read()]
        print("reading", flush=True)
        raised = []
        for read in READS:
            try:
                read()
            except Exception as error:
                raised.append(type(error).__name__)
        note(" ".join(raised))
        start_response("200 OK", [])
        return [b"for nobody"]
"""
READS = [
    "body.read",
    "lambda: body.read(1)",
    "lambda: body.read1(1)",
    "body.readline",
    "body.readlines",
    "lambda: next(body)",
]


def noted(server) -> str:
    with Client(server.port) as client:
        return client.get("/noted").body.decode()


@pytest.mark.parametrize("again", READS)
def test_reading_again_raises_at_once(serve, again):
    server = serve(APP.replace("READS", f"[body.read, {again}, {again}]"), *OPTIONS)
    with Client(server.port) as client:
        client.begin("POST", "/", "Transfer-Encoding: chunked")
        server.wait_for("^reading$")  # what comes with the head is refused without the application
        client.send(b"5\r\nhello\r\nnonsense\r\n")
        # The client neither sends more nor leaves.
        response = client.response()
        assert (response.status, response.header("connection")) == (400, "close")
        assert noted(server) == "ClientDisconnected ClientDisconnected ClientDisconnected"
        assert client.rest() == b""
    server.stop()
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("framing", "sent", "status"),
    [
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n6\r\n world\r\n", 413),
        ("Transfer-Encoding: chunked", b"5\r\nhelloXX", 400),
    ],
)
def test_also_after_other_refusals(serve, framing, sent, status):
    server = serve(APP.replace("READS", "[body.read] * 5"), *OPTIONS, "--limit-body", "10")
    with Client(server.port) as client:
        client.begin("POST", "/", framing)
        server.wait_for("^reading$")
        client.send(sent)
        assert client.response().status == status
        assert noted(server) == " ".join(["ClientDisconnected"] * 5)


def test_and_when_the_client_has_sent_fin(serve):
    server = serve(APP.replace("READS", "[body.read] * 3"), *OPTIONS)
    with Client(server.port) as client:
        client.begin("POST", "/", "Content-Length: 10")
        server.wait_for("^reading$")
        client.send(b"12345")
        client.finish_sending()
        assert client.response().status == 400
        assert noted(server) == " ".join(["ClientDisconnected"] * 3)


def test_what_came_before_can_still_be_read(serve):
    """A piece at a time: what was good is handed out, and then the error comes, each time."""
    reads = "[lambda: print(body.read1(100).decode(), flush=True), body.read1, body.read1]"
    server = serve(APP.replace("READS", reads), *OPTIONS)
    with Client(server.port) as client:
        client.begin("POST", "/", "Transfer-Encoding: chunked")
        client.send(b"5\r\nhello\r\n")
        server.wait_for("^hello$")
        client.send(b"nonsense\r\n")
        assert client.response().status == 400
        assert noted(server) == "ClientDisconnected ClientDisconnected"
