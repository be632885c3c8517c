"""Threads: as many at once as were asked for, never more, few where few are enough, and proper Python threads all."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS
from support.usage import cpu_seconds

pytestmark = only_yett

APP = """
    import faulthandler, itertools, json, os, signal, sys, threading, time

    lock = threading.Lock()
    inside = most = 0
    held = itertools.count(1)
    released = threading.Event()
    # From outside, since all threads may be held; it is the main thread that hears it.
    signal.signal(signal.SIGUSR1, lambda *_: released.set())
    local = threading.local()
    # As many requests as wait here at the same time go on together.
    meeting = threading.Barrier(int(os.environ.get("MEETING", "1")))
    profiled, traced = set(), set()

    def profile(frame, event, argument):
        if frame.f_code.co_name == "answer":
            profiled.add(threading.current_thread().name)

    # For every thread that is started from now on: the server's are.
    if "PROFILE" in os.environ:
        threading.setprofile(profile)

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole lines, whoever else writes

    def trace(frame, event, argument):
        traced.add((frame.f_code.co_name, event))
        return trace

    def to_be_traced():
        return 1

    def answer(path):
        if path == "/meet":
            meeting.wait(25)
        elif path == "/pass":
            for _ in range(20):
                time.sleep(0)  # lets any other thread go on
        elif path == "/hold":
            say("held", next(held))
            released.wait()
        elif path == "/burn":
            say("held", next(held))
            while not released.is_set():
                pass
        elif path == "/exit":
            raise SystemExit
        elif path == "/local":
            local.count = getattr(local, "count", 0) + 1
            return [threading.current_thread().name, local.count]
        elif path == "/thread":
            thread = threading.current_thread()
            return {
                "type": type(thread).__name__,
                "name": thread.name,
                "alive": thread.is_alive(),
                "daemon": thread.daemon,
                "main": thread is threading.main_thread(),
                "listed": thread in threading.enumerate(),
                "ident": thread.ident == threading.get_ident(),
                "native": str(thread.native_id) in os.listdir("/proc/self/task"),
            }
        elif path == "/names":
            return sorted(thread.name for thread in threading.enumerate())
        elif path == "/stacks":
            with open("stacks", "w+") as file:
                faulthandler.dump_traceback(file, all_threads=True)
                file.seek(0)
                return file.read()
        elif path == "/frames":
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            return sorted(names[ident] for ident, frame in sys._current_frames().items() if is_held(frame))
        elif path == "/profiled":
            return sorted(profiled)
        elif path == "/trace":
            sys.settrace(trace)
            to_be_traced()
            sys.settrace(None)
            return sorted(traced)
        return threading.current_thread().name

    def is_held(frame):
        while frame is not None and frame.f_code.co_name != "answer":
            frame = frame.f_back
        return frame is not None and frame.f_locals["path"] == "/hold"

    def app(environ, start_response):
        global inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            body = most if environ["PATH_INFO"] == "/most" else answer(environ["PATH_INFO"])
        finally:
            with lock:
                inside -= 1
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]
"""


@contextmanager
def held(server, count: int, path: str = "/hold") -> Iterator[list[Client]]:
    """`count` requests that are inside the application until the block ends."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(count)]
        try:
            for client in clients:
                client.begin("GET", path)
            server.wait_for(f"^held {count}$")
            yield clients
        finally:
            server.signal(signal.SIGUSR1)
        for client in clients:
            assert client.response().status == 200


# ---- how many ----


@pytest.mark.parametrize("threads", [2, 4, 32])
def test_so_many_requests_are_inside_at_the_same_time_and_never_more(serve, threads):
    server = serve(APP, "--threads", str(threads), env={"MEETING": str(threads)})
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(3 * threads)]
        for _ in range(5):
            for client in clients:
                client.begin("GET", "/meet")
            # Each goes on only when as many as there are threads have met; three times as many are waiting.
            assert {client.response().status for client in clients} == {200}
        assert clients[0].get("/most").json() == threads


def test_with_one_thread_never_two(serve):
    server = serve(APP, "--threads", "1")
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(8)]
        for client in clients:
            for _ in range(40):
                client.begin("GET", "/pass")
        names = {client.response().json() for client in clients for _ in range(40)}
        assert names == {"yett-1"}
        assert clients[0].get("/most").json() == 1
        # It is the only one there is, beside the main thread.
        assert clients[0].get("/names").json() == ["MainThread", "yett-1"]


def test_a_request_beyond_the_threads_waits_and_is_answered(serve):
    server = serve(APP, "--threads", "3")
    with Client(server.port) as waiting:
        with held(server, 3):
            waiting.begin("GET", "/most")
            waiting.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                waiting.head()
        waiting.socket.settimeout(PATIENCE_SECONDS)
        assert waiting.response().json() == 3


def test_while_all_threads_but_one_wait_that_one_answers(serve):
    server = serve(APP, "--threads", "4")
    with held(server, 3), ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(20)]
        for _ in range(10):
            for client in clients:
                client.begin("GET", "/thread")
            assert len({client.response().json()["name"] for client in clients}) == 1


def test_sequential_requests_use_few_threads(serve):
    server = serve(APP, "--threads", "32", env={"MEETING": "32"})
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(32)]
        for round_ in range(2):
            names = {clients[number % 32].get("/").json() for number in range(1000)}
            # On a quiet machine one; more whenever a thread is kept from the processor for a while.
            assert len(names) <= 8, names
            if round_ == 0:
                # Then all are needed for a moment; those that were let in go away again.
                for client in clients:
                    client.begin("GET", "/meet")
                assert len({client.response().json() for client in clients}) == 32


def test_threads_that_have_nothing_to_do_cost_nothing(serve):
    server = serve(APP, "--threads", "32")
    with held(server, 2), Client(server.port) as client:
        assert client.get("/pass").status == 200
        used = cpu_seconds(server.pid)
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client._more()
        assert cpu_seconds(server.pid) - used < 0.1


def test_a_request_that_exits_does_not_take_its_thread_along(serve):
    server = serve(APP, "--threads", "2", env={"MEETING": "2"})
    with Client(server.port) as one, Client(server.port) as other:
        for _ in range(6):
            assert one.get("/exit").status == 500
        for client in (one, other):
            client.begin("GET", "/meet")
        assert {client.response().json() for client in (one, other)} == {"yett-1", "yett-2"}


# ---- fairness ----


@pytest.mark.parametrize("threads", [2, 16])
def test_others_are_answered_while_one_burns_the_processor(serve, threads):
    server = serve(APP, "--threads", str(threads))
    with held(server, 1, "/burn"), ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(10)]
        for _ in range(5):
            for client in clients:
                client.begin("GET", "/local")
            assert {client.response().status for client in clients} == {200}


def test_others_are_answered_while_all_but_one_burn_the_processor(serve):
    server = serve(APP, "--threads", "4")
    with held(server, 3, "/burn"), Client(server.port) as client:
        for _ in range(10):
            assert client.get("/local").status == 200


def test_idle_connections_hold_no_thread(serve):
    server = serve(APP, "--threads", "2", env={"MEETING": "2"})
    with ExitStack() as stack:
        idle = [stack.enter_context(Client(server.port)) for _ in range(300)]
        for client in idle:
            client.begin("GET", "/local")
        for client in idle:
            assert client.response().status == 200
        fresh = [stack.enter_context(Client(server.port)) for _ in range(100)]
        for pair in zip(fresh[::2], idle[::6], strict=True):
            for client in pair:
                client.begin("GET", "/meet")
            assert [client.response().status for client in pair] == [200, 200]


# ---- proper Python threads ----


def test_they_are_threads_of_the_threading_module(serve):
    server = serve(APP, "--threads", "3", env={"MEETING": "3"})
    with Client(server.port) as client:
        thread = client.get("/thread").json()
        assert thread.pop("name") in ("yett-1", "yett-2", "yett-3")
        assert thread == {
            "type": "Thread",
            "alive": True,
            "daemon": False,
            "main": False,
            "listed": True,
            "ident": True,
            "native": True,
        }
        assert client.get("/names").json() == ["MainThread", "yett-1", "yett-2", "yett-3"]


def test_thread_locals_live_as_long_as_the_thread(serve):
    server = serve(APP, "--threads", "4", env={"MEETING": "4"})
    requests, counts = 0, {}
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(8)]
        for _ in range(10):
            for client in clients:
                client.begin("GET", "/meet")
                client.begin("GET", "/local")
            for client in clients:
                client.response()
                name, count = client.response().json()
                counts[name] = max(counts.get(name, 0), count)
                requests += 1
    # Nothing was forgotten in between: together they remember every request.
    assert sum(counts.values()) == requests


def test_faulthandler_and_frames_show_what_each_thread_does(serve):
    # Unwatched: the thread that asks for the interpreter's lock would be listed now and then.
    server = serve(APP, "--threads", "4", "--beat-timeout", "off", "--gil-timeout", "off")
    with held(server, 2), Client(server.port) as client:
        stacks = client.get("/stacks").json()
        assert stacks.count("hread 0x") == 5, "four threads and the main one"
        assert stacks.count("in answer\n") == 3, "two that are held, and the one that asks"
        assert len(set(client.get("/frames").json())) == 2


def test_a_profiler_for_all_threads_sees_them(serve):
    server = serve(APP, "--threads", "2", env={"MEETING": "2", "PROFILE": "1"})
    with Client(server.port) as one, Client(server.port) as other:
        for client in (one, other):
            client.begin("GET", "/meet")
        for client in (one, other):
            assert client.response().status == 200
        assert one.get("/profiled").json() == ["yett-1", "yett-2"]


def test_a_request_can_be_traced(serve):
    server = serve(APP, "--threads", "1")
    with Client(server.port) as client:
        traced = client.get("/trace").json()
        assert ["to_be_traced", "call"] in traced
        assert ["to_be_traced", "return"] in traced
        assert client.get("/pass").status == 200
