"""Between the order to stop and the end of accepting: answers say that the connection ends, and it does."""

import signal

import pytest

from support import Client
from support.wait import wait_until

ASGI = """
    import asyncio, os

    async def app(scope, receive, send):
        if scope["path"] == "/hold":
            os.write(1, b"holding\\n")
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
        if scope["path"] == "/fail":
            raise RuntimeError("as asked")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""
WSGI = """
    import os, time

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/hold":
            os.write(1, b"holding\\n")
            while not os.path.exists("release"):
                time.sleep(0.01)
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("as asked")
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
"""


@pytest.mark.parametrize("source", [ASGI, WSGI], ids=["asgi", "wsgi"])
def test_answers_say_so_and_accepting_goes_on(serve, tmp_path, source):
    server = serve(source, "--drain-delay", "1h", "--threads", "4", "--lifespan", "off")
    with Client(server.port) as idle, Client(server.port) as running, Client(server.port) as failing:
        assert idle.get().header("connection") is None
        assert failing.get().header("connection") is None
        running.begin("GET", "/hold")
        server.wait_for("holding")
        server.signal(signal.SIGTERM)

        def closing() -> bool:
            # A new connection each time: it is taken in any case.
            with Client(server.port) as client:
                return client.get().header("connection") == "close"

        wait_until(closing, "answers say that the connection ends")
        assert idle.get().header("connection") == "close"
        assert idle.rest() == b""
        response = failing.get("/fail")
        assert (response.status, response.header("connection")) == (500, "close")
        assert failing.rest() == b""
        (tmp_path / "release").touch()
        response = running.response()
        assert (response.body, response.header("connection")) == (b"ok", "close")
        assert running.rest() == b""
    # Nobody waits for the rest of the hour.
    server.signal(signal.SIGTERM)
    server.wait()


STREAM = """
    import asyncio, os

    async def app(scope, receive, send):
        path = scope["path"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if path == "/stream":
            await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        os.write(1, f"running {path}\\n".encode())
        try:
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            os.write(1, f"cancelled {path}\\n".encode())
            raise
        await send({"type": "http.response.body", "body": b"last"})
"""


def test_streams_have_more_time_than_other_requests_when_a_worker_is_replaced(serve, tmp_path):
    server = serve(
        STREAM,
        "--graceful-timeout",
        "1s",
        "--stream-drain-timeout",
        "1h",
        "--lifespan",
        "off",
        "--workers",
        "1",
    )
    with Client(server.port) as stream, Client(server.port) as other:
        stream.begin("GET", "/stream")
        server.wait_for("running /stream")
        other.begin("GET", "/other")
        server.wait_for("running /other")
        server.signal(signal.SIGHUP)
        server.wait_for("cancelled /other")
        assert other.response().status == 500
        (tmp_path / "release").touch()
        assert stream.response().body == b"first last"
    assert "cancelled /stream" not in server.log
