"""`--no-request-buffering`: the application runs while its body is still coming."""

import signal

import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytestmark = only_yett

APP = """
    import os, signal, threading

    released = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: released.set())

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def app(environ, start_response):
        path, body = environ["PATH_INFO"], environ["wsgi.input"]
        if path == "/hold":
            say("began")
            released.wait()
        if path == "/pieces":
            say("began")
            try:
                while piece := body.read1(100):
                    say("read", piece.decode())
            except OSError as error:
                say("read raised", type(error).__name__, error)
                try:
                    body.read()
                except OSError:
                    say("raised again")
        if path == "/unread":
            start_response("200 OK", [])
            return [b"not interested"]
        if path == "/begin":
            write = start_response("200 OK", [])
            write(b"begun:")
            data = body.read()
            return [data]
        try:
            data = b"" if path == "/pieces" else body.read()
        except OSError as error:
            say("read raised", type(error).__name__, error)
            raise
        start_response("200 OK", [])
        return [path.encode() + b" " + data]
"""
FRAMING = pytest.mark.parametrize("framing", ["Content-Length: 8", "Transfer-Encoding: chunked"])


@pytest.fixture
def server(serve):
    return serve(APP, "--no-request-buffering", "--threads", "2", "--body-timeout", "500ms")


@pytest.fixture
def patient(serve):
    return serve(APP, "--no-request-buffering", "--threads", "2")


def encoded(framing: str, piece: bytes) -> bytes:
    return piece if framing.startswith("Content") else b"%x\r\n%b\r\n" % (len(piece), piece)


def silent(client: Client) -> bool:
    """Nothing comes from the server."""
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client._more()
    client.socket.settimeout(PATIENCE_SECONDS)
    return True


@FRAMING
def test_pieces_are_read_as_they_come(patient, framing):
    with Client(patient.port) as client:
        client.begin("POST", "/pieces", framing)
        patient.wait_for("^began$")
        for piece in (b"one", b"two", b"34"):
            client.send(encoded(framing, piece))
            patient.wait_for(f"^read {piece.decode()}$")
        if framing.startswith("Transfer"):
            client.send(b"0\r\n\r\n")
        assert client.response().body == b"/pieces "
        assert client.request("POST", "/", body=b"again").body == b"/ again"


@FRAMING
def test_100_comes_when_the_application_reads(patient, framing):
    with Client(patient.port) as client:
        client.begin("POST", "/hold", framing, "Expect: 100-continue")
        patient.wait_for("^began$")
        assert silent(client)
        patient.signal(signal.SIGUSR1)
        assert client.response().status == 100
        client.send(encoded(framing, b"12345678"))
        if framing.startswith("Transfer"):
            client.send(b"0\r\n\r\n")
        response = client.response()
        assert (response.status, response.body) == (200, b"/hold 12345678")
        assert client.request("POST", "/", body=b"again").body == b"/ again"


def test_no_100_when_it_does_not_read(patient):
    with Client(patient.port) as client:
        client.begin("POST", "/unread", "Content-Length: 8", "Expect: 100-continue")
        response = client.response()
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.rest() == b""


def test_with_buffering_100_comes_before_the_application(serve):
    server = serve(APP)
    with Client(server.port) as client:
        client.begin("POST", "/hold", "Content-Length: 8", "Expect: 100-continue")
        assert client.response().status == 100
        client.send(b"1234567")
        assert silent(client)
        assert "began" not in server.log
        client.send(b"8")
        server.wait_for("^began$")
        server.signal(signal.SIGUSR1)
        assert client.response().body == b"/hold 12345678"


def test_what_is_not_read_is_skipped(patient):
    with Client(patient.port) as client:
        for length in (10, 200_000):
            client.begin("POST", "/unread", f"Content-Length: {length}")
            client.send(b"x" * length)
            assert client.response().body == b"not interested"
            client.begin("POST", "/unread", "Transfer-Encoding: chunked")
            client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (length, b"x" * length))
            assert client.response().body == b"not interested"
        assert client.get("/next").body == b"/next "


def test_pipelined_requests_follow_a_streamed_body(patient):
    with Client(patient.port) as client:
        request = (
            b"POST /%d HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        client.send(b"".join(request % number for number in range(100)))
        for number in range(100):
            assert client.response().body == b"/%d abc" % number


@FRAMING
def test_a_client_that_stops_sending_gets_408(server, framing):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("POST", "/pieces", framing)
        client.send(encoded(framing, b"123"))
        server.wait_for("^read 123$")
        assert other.get("/other").status == 200
        response = client.response()
        assert (response.status, response.header("connection")) == (408, "close")
        assert client.rest() == b""
        server.wait_for("^read raised ClientDisconnected")
        server.wait_for("^raised again$")
        assert other.get("/other").status == 200
    assert "ERROR" not in server.log


def test_that_is_no_error_of_the_application(server):
    with Client(server.port) as client:
        client.begin("POST", "/", "Content-Length: 8")
        assert client.response().status == 408
        server.wait_for("^read raised ClientDisconnected")
        assert client.rest() == b""
    with Client(server.port) as client:
        assert client.get("/").status == 200
    assert "Traceback" not in server.log


def test_a_client_that_stops_after_the_response_has_begun_is_cut_off(server):
    with Client(server.port) as client:
        client.begin("POST", "/begin", "Content-Length: 8")
        client.head()
        with pytest.raises((EOFError, ConnectionResetError)):
            # As chunks: the last one, and with it the end, is missing.
            client.read(100)
    with Client(server.port) as client:
        assert client.get("/").status == 200
    assert "ERROR" not in server.log


@pytest.mark.parametrize("leave", [Client.close, Client.reset, Client.finish_sending])
def test_a_client_that_leaves_in_its_body(patient, leave):
    with Client(patient.port) as client, Client(patient.port) as other:
        client.begin("POST", "/pieces", "Content-Length: 8")
        client.send(b"123")
        patient.wait_for("^read 123$")
        leave(client)
        patient.wait_for("^read raised ClientDisconnected")
        patient.wait_for("^raised again$")
        for _ in range(3):
            assert other.get("/other").status == 200
        if leave is Client.finish_sending:
            assert client.response().status == 400
            assert client.rest() == b""
    assert "ERROR" not in patient.log


def test_a_malformed_body_is_an_error_where_it_is_read(patient):
    with Client(patient.port) as client:
        client.begin("POST", "/pieces", "Transfer-Encoding: chunked")
        client.send(b"3\r\nabc\r\n")
        patient.wait_for("^read abc$")
        client.send(b"nonsense\r\n")
        patient.wait_for("^read raised ClientDisconnected")
        response = client.response()
        assert (response.status, response.header("connection")) == (400, "close")
        assert client.rest() == b""
    assert "ERROR" not in patient.log


def test_a_body_beyond_the_limit_is_refused_where_it_is_read(serve):
    server = serve(APP, "--no-request-buffering", "--limit-body", "10")
    with Client(server.port) as client:
        client.begin("POST", "/pieces", "Transfer-Encoding: chunked")
        client.send(b"5\r\nhello\r\n")
        server.wait_for("^read hello$")
        client.send(b"6\r\nworld!\r\n0\r\n\r\n")
        server.wait_for("^read raised ClientDisconnected")
        assert client.response().status == 413
        assert client.rest() == b""


def test_reading_stops_when_the_application_does(patient):
    """What the application does not read stays with the client."""
    with Client(patient.port) as client:
        client.begin("POST", "/hold", f"Content-Length: {50_000_000}")
        patient.wait_for("^began$")
        client.socket.settimeout(0.3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 50_000_000:
                sent += client.socket.send(bytes(65536))
        assert sent < 20_000_000
        patient.signal(signal.SIGUSR1)
        client.socket.settimeout(PATIENCE_SECONDS)
        client.send(bytes(50_000_000 - sent))
        assert client.response().body == b"/hold " + bytes(50_000_000)
