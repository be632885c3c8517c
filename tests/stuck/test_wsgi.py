"""WSGI: threads that do not come back, and requests that take longer than they may."""

import signal
import threading
import time

import pytest

from support import Client
from support.wait import wait_until

APP = """
    import ctypes, os, sys, threading, time

    def others_are_idle():
        # They have come to where they wait, beyond what they import.
        frames = sys._current_frames()
        others = [t.ident for t in threading.enumerate() if t.name in ("yett-1", "yett-2", "yett-3")]
        others.remove(threading.get_ident())
        return [frames[ident].f_code.co_filename for ident in others] == [threading.__file__] * 2

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def compute():
        while True:
            pass

    def try_again():
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                say("held up")

    def stream(count):
        for number in range(count):
            yield b"%03d" % number
            time.sleep(0.1)

    def stream_and_stay():
        yield from stream(5)
        compute()

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/compute":
            compute()
        elif path == "/try-again":
            try_again()
        elif path == "/gate":
            say("waiting")
            open("gate").close()
        elif path == "/lock":
            ctypes.PyDLL(None).open(b"gate", os.O_RDONLY)
        elif path == "/idle":
            start_response("200 OK" if others_are_idle() else "503 Service Unavailable", [])
            return []
        elif path == "/own":
            import yett
            try:
                compute()
            except yett.RequestTimeout:
                start_response("503 Service Unavailable", [])
                return [b"of its own"]
        elif path == "/about":
            time.sleep(float(environ["QUERY_STRING"]))
        elif path == "/count":
            sum(number for number in range(3000))
        start_response("200 OK", [])
        if path == "/large":
            return (bytes(20_000_000) for _ in range(2))
        if path == "/stream":
            return stream(int(environ["QUERY_STRING"]))
        if path == "/stream-and-stay":
            return stream_and_stay()
        return [b"answered"]
"""
TOO_LATE = "The application did not answer in time."


@pytest.fixture
def serve(stuck):
    return lambda *options: stuck(APP, "--graceful-timeout", "1s", *options)


@pytest.mark.parametrize("path", ["/compute", "/try-again"])
def test_a_thread_is_called_back_and_the_client_gets_504(serve, path):
    server = serve("--request-timeout", "1s")
    client = server.begin(path)
    response = client.response()
    assert (response.status, response.body) == (504, TOO_LATE.encode() + b"\n")
    told = server.message("stuck: a request takes longer than it may")
    assert f"One request is running:\n  GET {path}, running for " in told
    assert ", from 127.0.0.1:" in told and "request_id=" in told
    assert "Thread yett-" in told and f"in {path[1:].replace('-', '_')}\n" in told
    assert "Without code of the application's: " in told and "threading.py" not in told
    where = server.message(f"ERROR: GET {path}: ended, for it took longer than it may")
    assert where.rstrip().endswith("yett.RequestTimeout")
    line = server.line(path)
    assert (line["status"], line["outcome"], line["reason"]) == (504, "timed-out", TOO_LATE)
    assert client.get("/").status == 200, "the connection lives on"
    assert server.server.stop() == 0
    assert "held up" not in server.server.log


def test_an_application_may_answer_by_itself(serve):
    server = serve("--request-timeout", "1s")
    client = server.begin("/own")
    assert client.response().body == b"of its own"
    line = server.line("/own")
    assert (line["status"], line["outcome"]) == (503, "answered")


def test_a_thread_in_c_is_called_back_when_it_comes_back(serve):
    server = serve("--request-timeout", "1s")
    client = server.begin("/gate")
    assert 'open("gate").close()' in server.message("stuck: a request takes longer than it may")
    server.wait_for(
        "nothing has helped: a request that took too long could not be ended. There is no supervisor"
    )
    assert server.connect().get("/").status == 200, "other threads serve"
    server.open_gate()
    assert client.response().status == 504
    assert server.line("/gate")["outcome"] == "timed-out"
    assert server.server.stop() == 0
    assert server.server.log.count("stuck: a request") == 1


def test_a_response_that_has_begun_in_time_may_take_longer(serve):
    server = serve("--request-timeout", "1s")
    assert server.begin("/stream?30").response().body.endswith(b"029")
    assert "stuck" not in server.server.log


def test_but_not_longer_than_the_limit_for_all_of_it(serve):
    server = serve("--request-total-timeout", "1s")
    # Between two parts its thread is not in the application: it is to be seen there, so there are no more.
    client = server.begin("/stream-and-stay")
    with pytest.raises(EOFError):
        client.response()
    line = server.line("/stream-and-stay")
    assert (line["status"], line["outcome"], line["reason"]) == (200, "timed-out", TOO_LATE)
    assert "in stream_and_stay" in server.message("stuck: a request takes longer than it may")


def test_a_client_that_takes_little_at_a_time_does_not_hold_the_thread(serve):
    server = serve("--request-total-timeout", "1s", "--response-spool", "0", "--write-timeout", "3s")
    with Client(server.server.port, receive_buffer=4096) as client:
        client.begin("GET", "/large")

        def is_ended() -> bool:
            # A slow client, but not one that takes nothing.
            assert client.socket.recv(64)
            return "ERROR: GET /large: ended, for it took longer than it may" in server.server.log

        wait_until(is_ended, "the thread is called back")
    assert server.line("/large")["outcome"] == "timed-out"
    assert "nothing has helped" not in server.server.log


def test_a_lock_that_is_held_in_c_is_told_with_stacks(serve):
    server = serve("--gil-timeout", "1s", "--threads", "3")
    with server.connect() as other:
        wait_until(lambda: other.get("/idle").status == 200, "all threads have begun")
    client = server.begin("/lock")
    told = server.message("stuck: nobody has got the interpreter's lock (GIL) for ")
    assert "GET /lock, running for " in told
    assert "Thread yett-" in told and "in app" in told and "Thread MainThread" in told
    assert "Without code of the application's: yett-" in told, told
    server.wait_for("nothing has helped: nobody gets the interpreter's lock")
    server.open_gate()
    assert client.response().status == 200
    server.wait_for("goes on again: the interpreter's lock could not be had for ")
    assert server.server.stop() == 0


def test_all_threads_are_called_back_when_others_wait_for_them(serve):
    server = serve("--beat-timeout", "1s", "--threads", "16")
    clients = [server.begin("/try-again") for _ in range(16)]
    waiting = server.begin("/")
    told = server.message("stuck: all threads are in the application while others wait")
    assert "16 requests are running:" in told and told.count("GET /try-again, running for ") == 16
    assert "yett-1," in told or "yett-1 " in told
    for client in clients:
        assert client.response().status == 504
    assert waiting.response().status == 200
    server.wait_for("goes on again: all threads are in the application")
    assert server.server.stop() == 0


def test_more_requests_than_are_shown_are_counted(serve):
    server = serve("--beat-timeout", "1s", "--threads", "25")
    clients = [server.begin("/try-again") for _ in range(25)]
    waiting = server.begin("/")
    told = server.message("stuck: all threads are in the application while others wait")
    assert told.count("GET /try-again, running for ") == 20 and "\n  and 5 more\n" in told
    assert {client.response().status for client in clients} == {504}
    assert waiting.response().status == 200


def test_threads_that_are_all_at_work_are_not_stuck_while_nobody_waits(serve):
    server = serve("--beat-timeout", "1s", "--request-timeout", "4s", "--threads", "1")
    assert server.begin("/compute").response().status == 504
    assert "all threads are in the application" not in server.server.log


def test_what_is_due_with_idle_clients_is_nobody_who_waits(serve):
    server = serve("--beat-timeout", "1s", "--keep-alive-timeout", "1s", "--threads", "1")
    idle, leaving = server.connect(), server.connect()
    assert [client.get("/").status for client in (idle, leaving)] == [200, 200]
    busy = server.begin("/about?4")
    # The only thread learns neither of this nor that the other one's time is over.
    leaving.close()
    assert busy.response().status == 200
    assert "stuck" not in server.server.log


def test_who_has_just_come_has_not_waited_for_as_long_as_the_threads_are_at_work(serve):
    server = serve("--beat-timeout", "5s", "--threads", "1")
    # The watch, which looks once a second, looks while one waits behind a request that has run for five seconds.
    busy = server.begin("/about?6.2")
    # Nothing depends on the order: the later, the shorter is the wait.
    time.sleep(5)
    late = server.begin("/")
    assert (busy.response().status, late.response().status) == (200, 200)
    assert "stuck" not in server.server.log


def test_no_request_gets_what_was_meant_for_another(serve):
    """A thousand requests that end at about the time when they would be called back, and as many behind them."""
    server = serve("--request-timeout", "1s", "--threads", "64")
    seen: list[tuple[int, int]] = []
    held_up: list[int] = []

    def visit(number: int) -> None:
        with server.connect() as client:
            for turn in range(8):
                # The watch looks once a second: between one second and two.
                seconds = 0.9 + (number * 8 + turn) % 120 / 100
                late = client.get(f"/about?{seconds}").status
                began = time.monotonic()
                behind = client.get("/count").status
                # What the machine holds up for as long as a request may take is rightly called back.
                if behind == 504 and time.monotonic() - began >= 0.99:
                    held_up.append(behind)
                else:
                    seen.append((late, behind))

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(64)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(seen) + len(held_up) == 512
    assert {late for late, _ in seen} == {200, 504}
    assert {behind for _, behind in seen} == {200}
    assert server.server.stop() == 0


@pytest.mark.parametrize("path", ["/gate", "/lock"])
def test_sigterm_while_a_thread_stands_still(serve, path):
    # Long enough for the gate to be opened in it.
    server = serve("--request-timeout", "1s", "--gil-timeout", "1s", "--graceful-timeout", "10s")
    client = server.begin(path)
    server.wait_for("stuck: ")
    server.server.signal(signal.SIGTERM)
    server.open_gate()
    assert client.response().status in (200, 504)
    assert server.server.wait() == 0


def test_sigterm_while_a_thread_never_comes_back(serve):
    server = serve("--request-timeout", "1s")
    server.begin("/gate")
    server.wait_for("stuck: ")
    server.server.signal(signal.SIGTERM)
    assert server.server.wait() == 0
    assert "still in the application after the graceful timeout" in server.server.log
