"""Processes that the application starts, from the threads of the server; and the interpreter's development mode.

What becomes of a forked child that comes back into the server is told in test_forked.py.
"""

import os
import signal
from contextlib import ExitStack

import pytest

from support import Client
from support.peers import only_yett
from support.usage import open_connections
from support.wait import wait_until

pytestmark = only_yett

APP = """
    import concurrent.futures, multiprocessing, os, signal, subprocess, sys, threading

    released = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: released.set())

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def double(queue, number):
        queue.put(2 * number)

    def in_pool(number):
        return 2 * number

    def app(environ, start_response):
        path, number = environ["PATH_INFO"], int(environ["QUERY_STRING"] or 0)
        if path == "/subprocess":
            code = f"print(2 * {number}, end='')"
            body = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        elif path == "/descriptors":
            # What a child that is executed gets of ours.
            code = "import os; print(len(os.listdir('/proc/self/fd')), end='')"
            body = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        elif path == "/signals":
            code = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), end='')"
            body = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        elif path == "/exit":
            pid = os.fork()
            if pid == 0:
                os._exit(number)
            body = b"%d" % (2 * os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        elif path == "/fork":
            context = multiprocessing.get_context("fork")
            queue = context.SimpleQueue()
            child = context.Process(target=double, args=(queue, number))
            child.start()
            body = b"%d" % queue.get()
            child.join()
            queue.close()
        elif path == "/pool":
            context = multiprocessing.get_context("fork")
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                body = b"%d" % pool.submit(in_pool, number).result()
        elif path == "/outlive":
            # A child that lives on, with copies of all descriptors.
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            body = b"%d" % pid
        elif path == "/hold":
            say("holding")
            released.wait()
            body = b"held"
        else:
            body = b"hello"
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
"""
WAYS = ["subprocess", "exit", "fork", "pool"]


@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("way", WAYS)
def test_children_are_started_while_other_requests_run(serve, way, threads):
    server = serve(APP, "--threads", threads)
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(8)]
        assert {client.get().body for client in clients} == {b"hello"}
        sockets = open_connections(server.pid, server.port)
        for round_ in range(2):
            for number, client in enumerate(clients):
                client.begin("GET", f"/{way}?{10 * round_ + number}")
                client.begin("GET", "/hello")
            for number, client in enumerate(clients):
                assert client.response().body == b"%d" % (2 * (10 * round_ + number))
                assert client.response().body == b"hello"
        assert open_connections(server.pid, server.port) == sockets
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log
    assert "came back" not in server.log


def test_a_program_that_is_executed_gets_nothing_of_the_server(serve):
    server = serve(APP)
    with ExitStack() as stack:
        idle = [stack.enter_context(Client(server.port)) for _ in range(10)]
        for client in idle:
            assert client.get().status == 200
        # Standard input, output and errors, and that of the listing.
        assert idle[0].get("/descriptors").body == b"4"
        assert idle[0].get("/signals").body == b"[]"


def test_a_child_that_lives_on_does_not_keep_the_server_from_ending(serve):
    server = serve(APP)
    with Client(server.port) as client, Client(server.port) as other:
        assert other.get().status == 200
        child = int(client.get("/outlive").body)
        try:
            for _ in range(20):
                assert other.get().body == b"hello"
            server.signal(signal.SIGTERM)
            # The end of a connection is one, although the child has a copy of it.
            assert other.rest() == b""
            assert client.rest() == b""
            assert server.process.wait(30) == 0
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_client_that_leaves_is_noticed_although_a_child_lives_on(serve):
    server = serve(APP)
    with Client(server.port) as client:
        assert client.get().status == 200
        sockets = open_connections(server.pid, server.port)
        others = [Client(server.port) for _ in range(10)]
        for other in others:
            assert other.get().status == 200
        child = int(client.get("/outlive").body)
        try:
            for other in others:
                other.close()
            wait_until(
                lambda: open_connections(server.pid, server.port) == sockets, "the server has let go of them"
            )
            assert client.get().status == 200
        finally:
            os.kill(child, signal.SIGKILL)


# ---- development mode ----


def test_in_development_mode_nothing_is_complained_of(serve):
    """It shows resources that were not closed, and checks locks and memory."""
    server = serve(APP, "--threads", "4", env={"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default"})
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(8)]
        for way in WAYS[:3]:
            for client in clients:
                client.begin("GET", f"/{way}?1")
            assert [client.response().body for client in clients] == [b"2"] * 8
        for client in clients:
            assert client.request("POST", "/hello", body=bytes(100_000)).body == b"hello"
        held, gone = clients[:2]
        held.begin("GET", "/hold")
        server.wait_for("^holding$")
        gone.begin("GET", "/hello")
        gone.reset()
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGUSR1)
        assert held.response().body == b"held"
    assert server.wait() == 0
    complaints = [line for line in server.log.splitlines() if "Warning" in line]
    # Python's own remark on forking beside threads (from 3.12 on), which is the application's business.
    assert [line for line in complaints if "multi-threaded" not in line] == []
    assert "Traceback" not in server.log
    assert "Exception ignored" not in server.log
    assert "Fatal" not in server.log


def test_in_development_mode_a_thread_that_never_ends_is_left_in_order(serve):
    options = ["--threads", "2", "--graceful-timeout", "200ms"]
    server = serve(APP, *options, env={"PYTHONDEVMODE": "1"})
    with Client(server.port) as client:
        client.begin("GET", "/hold")
        server.wait_for("^holding$")
        assert server.stop() == 0
    assert "still in the application after the graceful timeout: yett-" in server.log
    assert "Fatal" not in server.log
    assert "Traceback" not in server.log
