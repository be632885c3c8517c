"""The end: what runs is finished, what is idle is closed, and nobody is lost on the way."""

import os
import re
import signal

import pytest

from support import Client, refuses
from support.usage import signals_pending

APP = """
    import asyncio, itertools, os, time

    released = asyncio.Event()

    def say(*words):
        print(*words, flush=True)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            say("lifespan.shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        if path == "/wait":
            say("waiting")
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
        elif path == "/forever":
            try:
                say("waiting")
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                say("cancelled")
                raise
        elif path == "/stubborn":
            say("waiting")
            while True:
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    say("cancelled")
        elif path == "/sleep":
            say("blocking")
            time.sleep(1000)
        elif path == "/busy":
            say("blocking")
            sum(itertools.repeat(1, 10**12))  # in C, holding the GIL
        elif path == "/body":
            while (await receive())["more_body"]:
                pass
        elif path == "/listen":
            await receive()
            say("listening")
            assert (await receive())["type"] == "http.disconnect"
            say("saw http.disconnect")
            return
        elif path == "/stream":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b"y" * 3_000_000})
            say("responded")
            return
        elif path == "/background":
            async def work():
                try:
                    await asyncio.sleep(1000)
                finally:
                    say("background cancelled")
            app.task = asyncio.create_task(work())
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})
        say("responded")
"""
STOP = [signal.SIGTERM, signal.SIGINT]
STOPPING = pytest.mark.parametrize("number", STOP)
SUPERVISED = pytest.mark.parametrize("supervised", ["--supervisor", "--no-supervisor"])
LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


def release(server) -> None:
    (server.folder / "release").touch()


def signals_taken(server) -> bool:
    return not signals_pending(server.pid)


@LOOPS
@SUPERVISED
def test_what_runs_is_finished(serve, supervised, loop):
    server = serve(APP, "--loop", loop, supervised)
    with Client(server.port) as running, Client(server.port) as idle, Client(server.port) as fresh:
        assert idle.get().status == 200
        running.begin("GET", "/wait")
        server.wait_for("waiting")
        server.signal(signal.SIGTERM)
        # Idle connections are closed at once, while the request still runs.
        assert idle.rest() == b""
        assert fresh.rest() == b""
        assert "lifespan.shutdown" not in server.log
        release(server)
        response = running.response()
        assert (response.body, response.header("connection")) == (b"hello", "close")
        assert running.rest() == b""
    assert server.wait() == 0
    lines = [line for line in server.log.splitlines() if line in ("responded", "lifespan.shutdown")]
    assert lines == ["responded", "responded", "lifespan.shutdown"], (
        "the shutdown comes after the last response"
    )


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_who_connects_while_draining_is_refused(serve, tmp_path, kind):
    """So that a proxy may send the request elsewhere."""
    path = tmp_path / "socket"
    bind = ["--bind", f"unix:{path}"] if kind == "unix" else []
    server = serve(APP, "--no-supervisor", *bind)
    server.wait_for("serving on")
    address = str(path) if kind == "unix" else server.port

    with Client(address) as running, Client(address) as idle:
        assert idle.get().status == 200
        running.begin("GET", "/wait")
        server.wait_for("waiting")
        assert not refuses(address)
        server.signal(signal.SIGTERM)
        # The listeners are closed before the connections that are idle.
        assert idle.rest() == b""
        assert refuses(address)
        assert not path.exists()
        release(server)
        assert running.response().status == 200
    assert server.wait() == 0


def test_a_request_that_is_still_arriving_is_answered(serve):
    server = serve(APP)
    with Client(server.port) as head, Client(server.port) as body, Client(server.port) as idle:
        head.send(b"GET / HTTP/1.1\r\nHo")
        body.begin("POST", "/body", "Content-Length: 4")
        body.send(b"12")
        assert idle.get().status == 200  # what came before it has arrived
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        head.send(b"st: test\r\n\r\n")
        body.send(b"34")
        for client in (head, body):
            response = client.response()
            assert (response.status, response.header("connection")) == (200, "close")
    assert server.wait() == 0


def test_a_response_that_is_on_its_way_arrives_whole(serve):
    server = serve(APP)
    with Client(server.port, receive_buffer=4096) as client, Client(server.port) as idle:
        client.begin("GET", "/stream")
        client._until(b"x" * 1000)
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        release(server)
        server.wait_for("responded")
        # The application is done; three megabytes wait for the client.
        assert client.rest().count(b"y") == 3_000_000
    assert server.wait() == 0


def test_pipelined_requests_after_the_running_one_are_not_begun(serve):
    server = serve(APP)
    with Client(server.port) as client, Client(server.port) as idle:
        client.begin("GET", "/wait")
        client.begin("GET", "/never")
        server.wait_for("waiting")
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        release(server)
        assert client.response().header("connection") == "close"
        assert client.rest() == b""
    assert server.wait() == 0
    assert server.log.count("responded") == 1


@LOOPS
def test_after_the_graceful_timeout_tasks_are_cancelled(serve, loop):
    server = serve(APP, "--graceful-timeout", "300ms", "--loop", loop)
    with Client(server.port) as client:
        client.begin("GET", "/forever")
        server.wait_for("waiting")
        server.signal(signal.SIGTERM)
        server.wait_for("GET /forever: cancelled, the server stops")
        server.wait_for("^cancelled")
        client.rest()
    assert server.wait() == 0
    assert "Traceback" not in server.log
    # What the server says comes by a way of its own, a moment later perhaps.
    said = [line for line in server.log.splitlines() if not re.match(r"\d{4}-", line)]
    assert said[-1] == "lifespan.shutdown"


def test_a_task_that_ignores_its_cancellation_does_not_hold_up_the_end(serve):
    server = serve(APP, "--graceful-timeout", "100ms")
    with Client(server.port) as client:
        client.begin("GET", "/stubborn")
        server.wait_for("waiting")
        server.signal(signal.SIGTERM)
        server.wait_for("^cancelled")
    # It is told once and, at the end, once more; then it is left to its fate.
    assert server.wait() == 0
    assert "lifespan.shutdown" in server.log
    assert "1 tasks ignore that they were cancelled" in server.log


def test_a_client_that_does_not_read_does_not_hold_up_the_end(serve):
    server = serve(APP, "--graceful-timeout", "300ms")
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/stream")
        client._until(b"x" * 1000)
        release(server)
        server.wait_for("responded")
        assert server.stop() == 0


def test_background_tasks_are_cancelled_at_the_end(serve):
    server = serve(APP)
    with Client(server.port) as client:
        assert client.get("/background").status == 200
    assert server.stop() == 0
    assert "background cancelled" in server.log


def test_a_waiting_listener_sees_its_client_leave_while_draining(serve):
    server = serve(APP)
    with Client(server.port) as client:
        client.begin("GET", "/listen")
        server.wait_for("listening")
        server.signal(signal.SIGTERM)
    server.wait_for("saw http.disconnect")
    assert server.wait() == 0


@LOOPS
@SUPERVISED
def test_sigint_ends_what_runs(serve, supervised, loop):
    server = serve(APP, "--loop", loop, supervised)
    with Client(server.port) as client:
        client.begin("GET", "/forever")
        server.wait_for("waiting")
        server.signal(signal.SIGINT)
        assert server.wait() == 0
    # Lines of the application and of the log may run into each other.
    assert re.search("cancelled.*lifespan.shutdown", server.log, re.DOTALL), server.log


@pytest.mark.parametrize(
    ("number", "path"),
    [(signal.SIGTERM, "/forever"), *((number, path) for number in STOP for path in ("/sleep", "/busy"))],
)
def test_a_second_signal_ends_at_once(serve, number, path):
    """Also while the application blocks the loop, and the interpreter itself."""
    server = serve(APP, "--no-supervisor")
    with Client(server.port) as client:
        client.begin("GET", path)
        server.wait_for("waiting|blocking")
        server.signal(number)
        while not signals_taken(server):
            os.sched_yield()
        server.signal(number)
        assert server.wait() == 128 + number


def test_a_second_signal_may_be_the_other_one(serve):
    server = serve(APP, "--no-supervisor")
    with Client(server.port) as client:
        client.begin("GET", "/sleep")
        server.wait_for("blocking")
        server.signal(signal.SIGTERM)
        while not signals_taken(server):
            os.sched_yield()
        server.signal(signal.SIGINT)
        assert server.wait() == 130


@STOPPING
def test_an_idle_server_ends_at_once(serve, number):
    server = serve(APP)
    server.signal(number)
    assert server.wait() == 0
    assert "Traceback" not in server.log
