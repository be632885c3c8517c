"""Applications that get their response wrong, and bodies that turn out wrong after the application has begun."""

import pytest

from support import Client

APP = r"""
    async def app(scope, receive, send):
        case = scope["path"][1:]
        headers, status = [(b"x-before", b"1")], 200
        headers += {
            "cr": [(b"x-name", b"a\rb")],
            "lf": [(b"x-name", b"a\nset-cookie: forged=1")],
            "crlf": [(b"x-name", b"a\r\nset-cookie: forged=1")],
            "split": [(b"x-name", b"a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")],
            "nul": [(b"x-name", b"a\0b")],
            "del": [(b"x-name", b"a\x7fb")],
            "name-crlf": [(b"x-name\r\nset-cookie", b"forged=1")],
            "name-colon": [(b"x-name: forged", b"a")],
            "name-space": [(b"x-name ", b"forged")],
            "name-empty": [(b"", b"forged")],
            "name-latin": [("x-näme".encode("latin-1"), b"forged")],
            "str-name": [("x-name", b"forged")],
            "str-value": [(b"x-name", "forged")],
            "none": [(b"x-name", None)],
            "one": [(b"x-name",)],
            "length": [(b"content-length", b"-5")],
            "lengths": [(b"content-length", b"5"), (b"content-length", b"6")],
        }.get(case, [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"forged"})
"""

# case, and what the log says
CASES = {
    "cr": 'the value of response header "x-name" has a control character',
    "lf": 'the value of response header "x-name" has a control character',
    "crlf": 'the value of response header "x-name" has a control character',
    "split": 'the value of response header "x-name" has a control character',
    "nul": 'the value of response header "x-name" has a control character',
    "del": 'the value of response header "x-name" has a control character',
    "name-crlf": r'response header name "x-name\\r\\nset-cookie" is not a token',
    "name-colon": 'response header name "x-name: forged" is not a token',
    "name-space": 'response header name "x-name " is not a token',
    "name-empty": 'response header name "" is not a token',
    "name-latin": r'response header name "x-n\\xe4me" is not a token',
    "str-name": r"a header name must be bytes, not str \('x-name'\)",
    "str-value": "the value of header b'x-name' must be bytes, not str",
    "none": "the value of header b'x-name' must be bytes, not NoneType",
    "one": "'headers' must be an iterable of .*pairs, one of which is tuple",
    "length": 'Content-Length "-5" is not a valid number',
    "lengths": "Content-Length headers that differ",
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_header_never_reaches_the_wire(serve, case):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client:
        response = client.get("/" + case)
        assert response.status == 500
        assert not any("forged" in name + value for name, value in response.fields)
        assert response.header("x-before") is None
        assert b"forged" not in response.body
        # The connection is as good as before.
        assert client.get("/good").body == b"forged"
    server.wait_for("http.response.start: .*" + CASES[case] if case not in ("str-name",) else CASES[case])
    assert server.log.count("ERROR") == 1


READER = """
    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/early":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        elif path == "/announced":
            await send({"type": "http.response.start", "status": 200})
        print("reading", flush=True)
        while (message := await receive())["type"] == "http.request":
            print("received", message["body"], flush=True)
            if not message["more_body"]:
                break
        print("ended with", message["type"], flush=True)
        try:
            if path == "/late":
                await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"late"})
        except OSError as error:
            print("send raised", type(error).__name__, error.args, flush=True)
            raise
"""


@pytest.mark.parametrize(
    "broken", [b"x\r\n", b"5\r\nhelloX\r\n", b"-1\r\n", b"5\nhello\r\n", b"0\r\nbad trailer\r\n\r\n"]
)
@pytest.mark.parametrize("path", ["/late", "/announced"])
def test_a_malformed_body_is_answered_with_400_if_nothing_was_sent(serve, path, broken):
    server = serve(READER, "--lifespan", "off")
    with Client(server.port) as client:
        client.begin("POST", path, "Transfer-Encoding: chunked")
        client.send(b"4\r\ngood\r\n")
        server.wait_for("received b'good'")
        client.send(broken)
        response = client.response()
        assert (response.status, response.header("connection")) == (400, "close")
        assert client.rest() == b"", "a late 200 never reaches the wire"
    server.wait_for("ended with http.disconnect")
    server.wait_for("send raised ClientDisconnected")
    assert "ERROR" not in server.log


def test_a_malformed_body_cuts_a_response_that_has_begun(serve):
    server = serve(READER, "--lifespan", "off")
    with Client(server.port) as client:
        client.begin("POST", "/early", "Transfer-Encoding: chunked")
        client.send(b"4\r\ngood\r\n")
        server.wait_for("received b'good'")
        client.send(b"x\r\n")
        received = client.rest()
        assert received.startswith(b"HTTP/1.1 200")
        assert received.endswith(b"\r\n\r\n5\r\nbegun\r\n"), (
            "neither an end nor an error in the middle of a body"
        )
    server.wait_for("ended with http.disconnect")
    server.wait_for("send raised ClientDisconnected")
    assert "ERROR" not in server.log


def test_a_malformed_body_resets_a_response_that_ends_with_the_connection(serve):
    """To a client of HTTP/1.0 an orderly end would say that the response is complete."""
    server = serve(READER, "--lifespan", "off")
    with Client(server.port) as client:
        client.send(b"POST /early HTTP/1.0\r\nContent-Length: 10\r\n\r\ngood")
        server.wait_for("received b'good'")
        client.finish_sending()
        with pytest.raises(ConnectionResetError):
            client.rest()
