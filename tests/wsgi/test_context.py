"""Threads and context variables: each request has a context of its own, on a thread that is as others are."""

import pytest

from support import Client
from support.peers import only_yett

APP = """
    import threading
    from contextvars import ContextVar, copy_context

    setting = ContextVar("setting")
    user = ContextVar("user", default="nobody")
    setting.set("from the import")
    local = threading.local()

    def app(environ, start_response):
        start_response("200 OK", [])
        return answer(environ)
"""


def ask_all(server, times, path="/"):
    with Client(server.port) as client:
        return [client.get(path).body.decode() for _ in range(times)]


@only_yett
def test_each_request_begins_with_what_the_import_has_set(serve):
    server = serve(
        APP
        + """
    def answer(environ):
        before = [setting.get(), user.get(), len(copy_context())]
        setting.set("of a request")
        user.set("somebody")
        return [repr(before).encode()]
    """,
        "--threads",
        "1",
    )
    answers = ask_all(server, 5)
    assert len(set(answers)) == 1
    assert answers[0].startswith("['from the import', 'nobody', ")


@only_yett
def test_also_if_the_one_before_has_failed(serve):
    server = serve(
        APP
        + """
    def answer(environ):
        before = user.get()
        user.set("somebody")
        if environ["PATH_INFO"] == "/fail":
            raise LookupError
        return [before.encode()]
    """,
        "--threads",
        "1",
    )
    with Client(server.port) as client:
        for _ in range(3):
            assert client.get("/fail").status == 500
            assert client.get("/").body == b"nobody"


@only_yett
def test_iteration_and_close_run_in_the_same_context(serve):
    """`reset` raises where the context is another than that of `set`."""
    server = serve(
        APP
        + """
    class Items:
        def __init__(self, token): self.token, self.left = token, 3
        def __iter__(self): return self
        def __next__(self):
            if not self.left:
                raise StopIteration
            self.left -= 1
            return user.get().encode() + b" "
        def close(self):
            user.reset(self.token)
            print("reset to", user.get(), flush=True)

    def answer(environ):
        return Items(user.set(environ["PATH_INFO"]))
    """
    )
    assert ask_all(server, 2, "/x") == ["/x /x /x "] * 2
    server.wait_for("reset to nobody")
    assert "Traceback" not in server.log


@only_yett
def test_threads_at_the_same_time_do_not_see_each_other(serve):
    server = serve(
        APP
        + """
    meeting = threading.Barrier(4, timeout=30)

    def answer(environ):
        user.set(environ["PATH_INFO"])
        meeting.wait()
        yield user.get().encode()
        meeting.wait()
        yield user.get().encode()
    """,
        "--threads",
        "4",
    )
    clients = [Client(server.port) for _ in range(4)]
    for _ in range(3):
        for number, client in enumerate(clients):
            client.begin("GET", f"/{number}")
        for number, client in enumerate(clients):
            assert client.response().body == b"/%d" % number * 2
    for client in clients:
        client.close()


@only_yett
@pytest.mark.parametrize("threads", ["1", "4"])
def test_threads_are_pythons_own_and_have_names(serve, threads):
    server = serve(
        APP
        + """
    def answer(environ):
        thread = threading.current_thread()
        assert type(thread) is threading.Thread, thread
        assert thread in threading.enumerate()
        assert thread.ident == threading.get_ident()
        assert thread is not threading.main_thread()
        return [thread.name.encode()]
    """,
        "--threads",
        threads,
    )
    names = set(ask_all(server, 20))
    assert names <= {f"yett-{number}" for number in range(1, int(threads) + 1)}


@only_yett
def test_all_of_them_work_if_all_are_needed(serve):
    server = serve(
        APP
        + """
    meeting = threading.Barrier(4, timeout=30)

    def answer(environ):
        meeting.wait()
        return [threading.current_thread().name.encode()]
    """,
        "--threads",
        "4",
    )
    clients = [Client(server.port) for _ in range(4)]
    for client in clients:
        client.begin("GET", "/")
    names = {client.response().body.decode() for client in clients}
    assert names == {"yett-1", "yett-2", "yett-3", "yett-4"}
    for client in clients:
        client.close()


def test_thread_locals_live_as_long_as_the_thread(serve):
    """Database connections are kept so."""
    server = serve(
        APP
        + """
    class Kept:
        def __del__(self): print("dropped", flush=True)

    def answer(environ):
        local.count = getattr(local, "count", 0) + 1
        local.kept = getattr(local, "kept", None) or Kept()
        return [f"{threading.get_ident()} {local.count}".encode()]
    """
    )
    seen = {}
    for answer in ask_all(server, 20):
        thread, count = answer.split()
        seen[thread] = seen.get(thread, 0) + 1
        assert int(count) == seen[thread]
    assert "dropped" not in server.log


@only_yett
def test_the_context_of_threads_that_the_application_starts(serve):
    """What it hands over with copy_context() arrives, and outlives the request."""
    server = serve(
        APP
        + """
    go = threading.Event()

    def later():
        go.wait(30)
        print("later:", user.get(), flush=True)

    def answer(environ):
        if environ["PATH_INFO"] == "/go":
            go.set()
        else:
            user.set("somebody")
            threading.Thread(target=copy_context().run, args=(later,)).start()
        return [b"ok"]
    """
    )
    assert ask_all(server, 1) == ["ok"]
    assert ask_all(server, 1, "/go") == ["ok"]
    server.wait_for("later: somebody")


@only_yett
def test_profilers_and_tracers_see_the_application(serve):
    """threading.setprofile reaches all threads that Python starts, ours too."""
    server = serve(
        """
        import sys, threading

        seen = set()
        threading.setprofile(lambda frame, event, argument: seen.add(frame.f_code.co_name))

        def inner():
            pass

        def app(environ, start_response):
            inner()
            start_response("200 OK", [])
            return [repr({"app", "inner"} <= seen).encode()]
        """
    )
    assert ask_all(server, 3) == ["True"] * 3
