"""What another process sees of the requests that run in a worker."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from support import Client, ServerProcess
from support.wait import wait_until

# A worker with a slot, and a second process that looks into the scoreboard and tells over HTTP what it sees.
LAUNCHER = """
import http.server, json, os, sys
from yett import _core, server
from yett.hooks import Hooks
import app

heard, bell = os.pipe()
os.set_blocking(bell, False)
os.set_blocking(heard, False)
board = _core.Scoreboard(2)
board.slot(1).take(0, 1)
board.slot(1).ready()
board.slot(1).limit_requests(int(sys.argv[2]))

class Observer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        slot = board.slot(1)
        try:
            rung = len(os.read(heard, 100))
        except BlockingIOError:
            rung = 0
        seen = {name: getattr(slot, name) for name in ("state", "in_flight", "requests", "accepted", "running")}
        body = json.dumps({**seen, "rung": rung}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

if os.fork() == 0:
    with http.server.HTTPServer(("127.0.0.1", 0), Observer) as observer:
        print(f"looking at {observer.server_address[1]} {os.getpid()}", flush=True)
        observer.serve_forever()
    os._exit(0)

settings = _core.Settings(bind=["127.0.0.1:0"], threads=4, lifespan="off")
server.open_logs(settings)
listeners = server.open_listeners(settings)
application = server.load(getattr(app, sys.argv[1]), settings)
with server._stop_signals(Hooks()) as signals:
    started = lambda: print(f"serving on {listeners[0].address}", flush=True)
    server.serve_application(application, listeners, settings, signals, started, board.slot(1, bell))
"""
APP = """
import asyncio, os, time

async def asgi(scope, receive, send):
    while scope["path"] == "/hold" and not os.path.exists("release"):
        await asyncio.sleep(0.01)
    if scope["path"] == "/fail":
        raise RuntimeError("as asked")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
    while scope["path"] == "/afterwards" and not os.path.exists("release"):
        await asyncio.sleep(0.01)

class Afterwards:
    def __iter__(self):
        return iter([b"ok"])

    def __len__(self):
        return 1

    def close(self):
        while not os.path.exists("release"):
            time.sleep(0.01)

def wsgi(environ, start_response):
    path = environ["PATH_INFO"]
    while path == "/hold" and not os.path.exists("release"):
        time.sleep(0.01)
    if path == "/fail":
        raise RuntimeError("as asked")
    start_response("200 OK", [("Content-Length", "2")])
    return Afterwards() if path == "/afterwards" else [b"ok"]
"""


@pytest.fixture(params=["asgi", "wsgi"])
def start(request, tmp_path) -> Iterator[Callable[..., tuple[ServerProcess, Callable[[], dict[str, Any]]]]]:
    """`start(limit)`: a server, and how to look at its slot."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    with ExitStack() as stack:

        def start(limit: int = 0):
            server = ServerProcess([request.param, str(limit)], tmp_path, module="launcher")
            stack.enter_context(server)
            observing = server.wait_for(r"looking at (\d+) (\d+)")
            stack.callback(os.kill, int(observing[2]), signal.SIGKILL)
            server.wait_for("serving on")

            def look() -> dict[str, Any]:
                with urllib.request.urlopen(f"http://127.0.0.1:{observing[1]}/", timeout=30) as answer:
                    return json.load(answer)

            return server, look

        yield start
        (tmp_path / "release").touch()


def test_requests_are_seen_while_they_run(start, tmp_path):
    server, look = start()
    assert look() == {
        "state": "Ready", "in_flight": 0, "requests": 0, "accepted": 0, "running": [], "rung": 0,
    }  # fmt: skip
    with Client(server.port) as one, Client(server.port) as two:
        one.begin("GET", "/hold?a=1")
        wait_until(lambda: look()["in_flight"] == 1, "the request is counted")
        two.begin("DELETE", "/hold")
        wait_until(lambda: look()["in_flight"] == 2, "the second, too")
        seen = look()
        assert seen["running"] == [["GET", "/hold?a=1"], ["DELETE", "/hold"]]
        assert (seen["requests"], seen["accepted"]) == (2, 2)
        (tmp_path / "release").touch()
        assert one.response().body == two.response().body == b"ok"
        wait_until(lambda: look()["in_flight"] == 0, "they are over")
        assert look()["running"] == []
        assert one.get("/fail").status == 500
        wait_until(
            lambda: look()["requests"] == 3 and look()["in_flight"] == 0, "also one that fails is over"
        )


def test_what_goes_on_after_the_answer_counts_as_well(start, tmp_path):
    server, look = start()
    with Client(server.port) as client:
        assert client.get("/afterwards").body == b"ok"
        assert look()["running"] == [["GET", "/afterwards"]]
        (tmp_path / "release").touch()
        wait_until(lambda: look()["in_flight"] == 0, "it is over")


def test_a_client_that_leaves_does_not_make_its_request_disappear(start, tmp_path):
    server, look = start()
    with Client(server.port) as client:
        client.begin("GET", "/hold")
        wait_until(lambda: look()["in_flight"] == 1, "the request is counted")
    assert look()["in_flight"] == 1
    (tmp_path / "release").touch()
    wait_until(lambda: look()["in_flight"] == 0, "it is over")


def test_the_last_request_that_a_worker_may_take_rings_once(start):
    server, look = start(limit=3)
    with Client(server.port) as client:
        for _ in range(2):
            client.get("/")
        assert look()["state"] == "Ready"
        client.get("/")
        seen = look()
        assert (seen["state"], seen["rung"]) == ("WantsReplacement(MaxRequests)", 1)
        # It goes on until somebody takes its place.
        assert client.get("/").body == b"ok"
        assert look()["rung"] == 0
