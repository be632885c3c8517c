"""The end: what runs is finished, what is idle is closed, and nobody is lost on the way."""

import os
import re
import signal
import threading

import pytest

from support import Client, refuses
from support.peers import only_yett
from support.usage import signals_pending, temporary_files
from support.wait import wait_until

pytestmark = only_yett

APP = """
    import atexit, itertools, os, signal, threading, time

    released = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: released.set())
    counter = itertools.count(1)
    atexit.register(lambda: say("atexit"))

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def pieces(path):
        try:
            yield b"x" * 1000
            if path == "/stream":
                say("streaming")
                released.wait()
            for _ in range(400):
                yield b"y" * 50_000
            say("generated")
        finally:
            say("closed")

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/wait":
            say("waiting", next(counter))
            released.wait()
        elif path == "/forever":
            say("waiting", next(counter), "on", threading.current_thread().name)
            threading.Event().wait()
        elif path == "/burn":
            say("waiting", next(counter))
            while True:
                pass
        elif path == "/busy":
            say("waiting", next(counter))
            sum(itertools.repeat(1, 10**12))  # in C, holding the GIL
        elif path == "/thread":
            threading.Thread(target=threading.Event().wait, name="of the application").start()
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path in ("/stream", "/large"):
            return pieces(path)
        say("answered", path)
        return [path.encode() + environ["wsgi.input"].read()]
"""
STOPPING = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@pytest.fixture
def start(serve):
    # Without an option: what must end ends by itself, or not while anybody waits for it.
    return lambda *options: serve(APP, "--threads", "3", *(options or ("--graceful-timeout", "1h")))


def release(server) -> None:
    """Also while the server drains, the application's signal handlers are called."""
    server.signal(signal.SIGUSR1)


def in_clean_order(server) -> bool:
    """It has ended as a program ends that has nothing left to do."""
    assert server.wait() == 0
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log
    # That it stops is told by the supervisor, another process, which may come to it last.
    said = [line for line in server.log.splitlines() if not re.search("(SIGTERM|SIGINT): stopping", line)]
    return said[-1] == "atexit"


def test_what_runs_is_finished(start):
    server = start()
    with Client(server.port) as one, Client(server.port) as two, Client(server.port) as idle:
        fresh = Client(server.port)
        assert idle.get("/first").status == 200
        for client in (one, two):
            client.begin("GET", "/wait")
        server.wait_for("^waiting 2$")
        server.signal(signal.SIGTERM)
        # Idle connections are closed at once, while the requests still run.
        assert idle.rest() == b""
        assert fresh.rest() == b""
        assert "answered /wait" not in server.log
        release(server)
        for client in (one, two):
            response = client.response()
            assert (response.body, response.header("connection")) == (b"/wait", "close")
            assert client.rest() == b""
    assert in_clean_order(server)


def test_who_connects_while_draining_is_refused(start):
    """Also while all threads are at work; a proxy may send the request elsewhere."""
    server = start("--graceful-timeout", "1h", "--no-supervisor")
    clients = [Client(server.port) for _ in range(3)]
    for client in clients:
        client.begin("GET", "/wait")
    server.wait_for("^waiting 3$")
    server.signal(signal.SIGTERM)
    wait_until(lambda: refuses(server.port), "connections are refused")
    assert "answered" not in server.log
    release(server)
    assert [client.response().body for client in clients] == [b"/wait"] * 3
    assert in_clean_order(server)


@STOPPING
def test_an_idle_server_ends_at_once(start, number):
    server = start()
    idle = [Client(server.port) for _ in range(100)]
    assert idle[-1].get().status == 200
    server.signal(number)
    assert {client.rest() for client in idle} == {b""}
    assert in_clean_order(server)


def test_while_all_threads_are_at_work(start):
    """Nobody is free to close idle connections; nothing is lost by that."""
    server = start()
    with Client(server.port) as idle, Client(server.port) as late:
        clients = [Client(server.port) for _ in range(3)]
        assert idle.get().status == 200
        for client in clients:
            client.begin("GET", "/wait")
        server.wait_for("^waiting 3$")
        late.begin("GET", "/late")
        server.signal(signal.SIGTERM)
        release(server)
        assert [client.response().body for client in clients] == [b"/wait"] * 3
        # It arrived before the signal.
        assert late.response().body == b"/late"
        assert idle.rest() == b""
    assert in_clean_order(server)


@pytest.mark.parametrize("size", [4, 300_000])
def test_a_request_that_is_still_arriving_is_answered(start, size):
    server = start()
    with Client(server.port) as head, Client(server.port) as body, Client(server.port) as idle:
        head.send(b"GET /head HTTP/1.1\r\nHo")
        body.begin("POST", "/body", f"Content-Length: {size}")
        body.send(b"x" * (size - 1))
        assert idle.get().status == 200  # what came before it has arrived
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        head.send(b"st: test\r\n\r\n")
        body.send(b"!")
        for client, expected in ((head, b"/head"), (body, b"/body" + b"x" * (size - 1) + b"!")):
            response = client.response()
            assert (response.body, response.header("connection")) == (expected, "close")
    assert in_clean_order(server)


def test_a_response_that_is_generated_arrives_whole(start):
    server = start()
    with Client(server.port) as client, Client(server.port) as idle:
        client.begin("GET", "/stream")
        server.wait_for("^streaming$")
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        release(server)
        assert client.response().body.count(b"y") == 20_000_000
    assert in_clean_order(server)


def test_a_response_that_waits_in_a_file_arrives_whole(start):
    server = start()
    with Client(server.port, receive_buffer=4096) as client, Client(server.port) as idle:
        client.begin("GET", "/large")
        server.wait_for("^closed$")
        [size] = temporary_files(server.pid)
        assert size > 10_000_000
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        # The application is done; the rest waits for the client.
        assert client.response().body.count(b"y") == 20_000_000
    assert in_clean_order(server)


def test_a_client_that_takes_nothing_does_not_hold_up_the_end(start):
    server = start("--graceful-timeout", "300ms")
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/large")
        server.wait_for("^closed$")
        assert server.stop() == 0


def test_a_client_that_sends_nothing_does_not_hold_up_the_end(start):
    server = start("--graceful-timeout", "300ms")
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("POST", "/", "Content-Length: 10")
        client.send(b"12345")
        assert other.get().status == 200
        assert server.stop() == 0


def test_pipelined_requests_after_the_running_one_are_not_begun(start):
    server = start()
    with Client(server.port) as client, Client(server.port) as idle:
        client.begin("GET", "/wait")
        client.begin("GET", "/never")
        server.wait_for("^waiting 1$")
        server.signal(signal.SIGTERM)
        assert idle.rest() == b""
        release(server)
        assert client.response().header("connection") == "close"
        assert client.rest() == b""
    assert server.wait() == 0
    assert "/never" not in server.log


@pytest.mark.parametrize("path", ["/forever", "/burn"])
def test_after_the_graceful_timeout_threads_are_named_and_given_up(start, path):
    server = start("--graceful-timeout", "300ms")
    with Client(server.port) as client, Client(server.port) as idle:
        client.begin("GET", path)
        server.wait_for("^waiting 1")
        assert idle.get().status == 200
        server.signal(signal.SIGTERM)
        line = server.wait_for("WARNING: still in the application after the graceful timeout: (.*)")
        assert line[1] in ("yett-1", "yett-2", "yett-3")
        assert client.rest() == b""
        assert server.wait() == 0
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log


def test_a_thread_of_the_application_is_given_up(start):
    server = start("--graceful-timeout", "300ms")
    with Client(server.port) as client:
        assert client.get("/thread").status == 200
    assert server.stop() == 0
    assert "threads of the application are still at work and are given up: of the application" in server.log


@pytest.mark.parametrize(
    ("supervised", "path"),
    [
        *(("--supervisor", path) for path in ("/forever", "/burn", "/busy")),
        *(("--no-supervisor", path) for path in ("/forever", "/burn")),
    ],
)
def test_sigint_ends_what_runs(start, supervised, path):
    """Who holds the interpreter itself is killed by the supervisor."""
    server = start(supervised, "--graceful-timeout", "1h")
    with Client(server.port) as client:
        client.begin("GET", path)
        server.wait_for("^waiting 1")
        server.signal(signal.SIGINT)
        assert server.wait() == 0


@pytest.mark.parametrize("path", ["/forever", "/burn", "/busy"])
def test_a_second_signal_ends_at_once(start, path):
    """Also while the application holds the interpreter itself."""
    number = signal.SIGTERM
    server = start("--no-supervisor", "--graceful-timeout", "1h")
    with Client(server.port) as client:
        client.begin("GET", path)
        server.wait_for("^waiting 1")
        server.signal(number)
        while signals_pending(server.pid):
            os.sched_yield()
        server.signal(number)
        assert server.wait() == 128 + number


def test_kill_leaves_nothing_in_the_folder_of_temporary_files(serve, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = serve(APP, env={"TMPDIR": str(folder)})
    with Client(server.port) as up, Client(server.port, receive_buffer=4096) as down:
        up.begin("POST", "/", "Content-Length: 1000000")
        up.send(bytes(500_000))
        down.begin("GET", "/large")
        wait_until(lambda: len(temporary_files(server.pid, folder)) == 2, "both directions are in files")
        worker = server.pid
        server.signal(signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("threads", ["1", "4"])
def test_under_load_no_request_is_lost(serve, threads):
    """Whoever has sent a request before the end gets its answer."""
    server = serve(
        """
        import time

        def app(environ, start_response):
            if environ["PATH_INFO"].endswith("7"):
                time.sleep(0.001)
            start_response("200 OK", [("X-Path", environ["PATH_INFO"])])
            return [environ["wsgi.input"].read()]
        """,
        "--threads", threads,
    )  # fmt: skip
    port = server.port
    enough, ending, wrong, answered = threading.Semaphore(0), threading.Event(), [], []

    def load(number: int) -> None:
        try:
            with Client(port) as client:
                for request in range(1_000_000):
                    path, body = f"/{number}/{request}", f"{number}.{request}".encode()
                    before = False
                    try:
                        client.begin("POST", path, f"Content-Length: {len(body)}")
                        client.send(body)
                        before = not ending.is_set()
                        response = client.response()
                    except (EOFError, ConnectionError) as error:
                        # One that is sent at the very moment in which an idle connection is closed is lost.
                        if before or client._buffer:
                            wrong.append((path, repr(error)))
                        return
                    if (response.header("x-path"), response.body) != (path, body):
                        wrong.append((path, response))
                    answered.append(path)
                    if request == 100:
                        enough.release()
                    if response.header("connection") == "close":
                        if client.rest() != b"":
                            wrong.append((path, "more than its response"))
                        return
        except Exception as error:  # noqa: BLE001 - it is reported
            wrong.append((number, repr(error)))

    clients = [threading.Thread(target=load, args=(number,)) for number in range(20)]
    for client in clients:
        client.start()
    for _ in clients:
        assert enough.acquire(timeout=30)
    ending.set()
    server.signal(signal.SIGTERM)
    for client in clients:
        client.join(30)
    assert server.wait() == 0
    assert len(answered) > 20 * 100
    assert len(set(answered)) == len(answered)
    assert wrong == []
