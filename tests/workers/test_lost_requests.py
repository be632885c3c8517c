"""A worker that dies: the requests that it was answering have their lines in the access log."""

import os
import signal

import pytest

from support import Client
from support.wait import wait_until

ASGI = """
    import asyncio, os

    async def app(scope, receive, send):
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 206, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if scope["path"] == "/afterwards":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})
        os.write(1, f"running {scope['path']} {os.getpid()}\\n".encode())
        await asyncio.sleep(1000)
"""
WSGI = """
    import os, time

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        write = start_response("206 Partial", [])
        if path == "/stream":
            write(b"x")
        os.write(1, f"running {path} {os.getpid()}\\n".encode())
        time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("source", "paths", "expected"),
    [
        (ASGI, ["/nothing", "/stream", "/afterwards"], {"/nothing 499", "/stream 206"}),
        (WSGI, ["/nothing", "/stream"], {"/nothing 499", "/stream 206"}),
    ],
    ids=["asgi", "wsgi"],
)
def test_each_has_one_line(serve, tmp_path, source, paths, expected):
    log = tmp_path / "access.log"
    server = serve(
        source,
        *(
            "--access-log",
            str(log),
            "--access-log-format",
            "%(outcome)s %(U)s %(s)s %(h)s %(request_id)s %(L)s",
        ),
        *("--workers", "1", "--threads", "4", "--lifespan", "off"),
    )
    clients = []
    for path in paths:
        client = Client(server.port)
        clients.append(client)
        client.begin("GET", f"{path}?query")
        pid = int(server.wait_for(rf"running {path} (\d+)")[1])
    os.kill(pid, signal.SIGKILL)

    def died() -> list[list[str]]:
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split() for line in lines if line.startswith("worker-died ")]

    wait_until(lambda: len(died()) == len(expected), "the lines are written")
    assert {f"{line[1]} {line[2]}" for line in died()} == expected
    for _, _, _, peer, request_id, seconds in died():
        assert peer == "127.0.0.1"
        assert len(request_id) == 32
        assert float(seconds) > 0
    for client in clients:
        client.close()
