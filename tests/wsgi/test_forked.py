"""Children that are forked from a server: its own servers work, and one that strays back into ours harms nobody."""

import os
import re
import signal
import textwrap
from contextlib import contextmanager

import pytest

from support import Client, ServerProcess
from support.peers import only_yett
from support.wait import wait_until

pytestmark = only_yett

# What ends a child that comes back (sysexits.h: EX_SOFTWARE).
STRAY = 70

# ---- a server in the child ----

SERVING = """
    import multiprocessing, socket, sys
    import yett, yett.wsgi, yett.testing

    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode() + b" " + body]

    def in_a_child(listener, threads):
        fork = multiprocessing.get_context("fork")
        settings = {"bind": [f"fd://{listener.fileno()}"], "threads": threads}
        child = fork.Process(target=yett.run, args=(app,), kwargs=settings)
        child.start()
        print("child", child.pid, flush=True)
        # The kernel takes connections already.
        print("listening on", listener.getsockname()[1], flush=True)
        child.join()
        print("ended with", child.exitcode, flush=True)

    listener = socket.create_server(("127.0.0.1", 0))
    threads = int(sys.argv[1])
    if sys.argv[2] == "beside":
        with yett.testing.serve(app) as server:
            print("parent on", server.url.rsplit(":", 1)[1], flush=True)
            in_a_child(listener, threads)
    else:
        if sys.argv[2] == "after":
            with yett.testing.serve(app):
                pass
        in_a_child(listener, threads)
"""


@contextmanager
def running(folder, *arguments):
    (folder / "script.py").write_text(textwrap.dedent(SERVING))
    listening = re.compile(r"^listening on (\d+)$")
    with ServerProcess(list(arguments), cwd=folder, module="script", serving=listening) as script:
        child = int(script.wait_for(r"^child (\d+)$")[1])
        try:
            yield script, child, int(script.wait_for(listening.pattern)[1])
        finally:
            if "ended with" not in script.log and script.process.poll() is None:
                os.kill(child, signal.SIGKILL)


def assert_serves(port: int) -> None:
    for _ in range(5):
        with Client(port) as client:
            for number in range(10):
                assert client.get(f"/{number}").body == b"/%d " % number
                assert client.request("POST", "/body", body=b"x" * 70_000).body == b"/body " + b"x" * 70_000


@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("forked", ["at once", "after", "beside"])
def test_a_forked_child_can_be_a_server(tmp_path, forked, threads):
    """Forked when the parent has only imported us, when it has served, and while it serves."""
    with running(tmp_path, threads, forked) as (script, child, port):
        assert_serves(port)
        if forked == "beside":
            parent = int(script.wait_for(r"^parent on (\d+)$")[1])
            assert_serves(parent)
            assert_serves(port)
        os.kill(child, signal.SIGTERM)
        script.wait_for("^ended with 0$")
        if forked == "beside":
            assert script.wait() == 0
        assert "forked child" not in script.log


# ---- a child that strays ----

STRAYING = """
    import os, signal

    codes = []

    def fork():
        # The name of whoever comes from here; the parent comes when its child has ended.
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)  # the end of one that stays after all
            return "child"
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return "parent"

    def app(environ, start_response):
        path, body = environ["PATH_INFO"], environ["wsgi.input"]
        if path == "/codes":
            start_response("200 OK", [])
            told = repr(codes)
            codes.clear()
            return [told.encode()]
        return globals()[path[1:]](environ, start_response)

    def returned(environ, start_response):
        who = fork()
        start_response("200 OK", [("X-Who", who)])
        return [who.encode()]

    def not_started(environ, start_response):
        if fork() == "child":
            return [b"child"]
        start_response("200 OK", [("X-Who", "parent")])
        return [b"parent"]

    def yielded(environ, start_response):
        start_response("200 OK", [("X-Who", "parent")])
        yield fork().encode()

    def yielded_later(environ, start_response):
        start_response("200 OK", [("X-Who", "parent")])
        yield b"par"
        yield {"parent": b"ent", "child": b"child"}[fork()]

    def ended(environ, start_response):
        start_response("200 OK", [("X-Who", "parent")])
        yield b"parent"
        if fork() == "child":
            return
        yield b""

    def written(environ, start_response):
        write = start_response("200 OK", [("X-Who", "parent")])
        write(fork().encode())
        return []

    def written_later(environ, start_response):
        write = start_response("200 OK", [("X-Who", "parent")])
        write(b"par")
        if fork() == "child":
            write(b"child")
            return [b"child"]
        return [b"ent"]

    def write_caught(environ, start_response):
        write = start_response("200 OK", [("X-Who", "parent")])
        who = fork()
        try:
            write(who.encode())
        except BaseException:
            pass
        return []

    def hinted(environ, start_response):
        who = fork()
        if who == "child":
            environ["wsgi.early_hints"]([("X-Who", who)])
        start_response("200 OK", [("X-Who", "parent")])
        return [who.encode()]

    def raised(environ, start_response):
        if fork() == "child":
            raise LookupError("in the child")
        start_response("200 OK", [("X-Who", "parent")])
        return [b"parent"]

    def exits(environ, start_response):
        if fork() == "child":
            raise SystemExit(3)
        start_response("200 OK", [("X-Who", "parent")])
        return [b"parent"]

    def raised_later(environ, start_response):
        start_response("200 OK", [("X-Who", "parent")])
        yield b"par"
        if fork() == "child":
            raise LookupError("in the child")
        yield b"ent"

    def file(environ, start_response):
        start_response("200 OK", [("X-Who", "parent")])
        if fork() == "child":
            return environ["wsgi.file_wrapper"](open(__file__, "rb"))
        return [b"parent"]

    def closed(environ, start_response):
        class Items:
            def __iter__(self): return iter([b"parent"])
            def close(self): fork()
        start_response("200 OK", [("X-Who", "parent")])
        return Items()

    def read(environ, start_response):
        if fork() == "child":
            environ["wsgi.input"].read()
            return [b"child"]
        start_response("200 OK", [("X-Who", "parent")])
        return [environ["wsgi.input"].read()]

    def unharmed(environ, start_response):
        # A child that does as it should.
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        start_response("200 OK", [("X-Who", "parent")])
        return [b"parent"]
"""
WAYS = [
    "returned",
    "not_started",
    "yielded",
    "yielded_later",
    "ended",
    "written",
    "written_later",
    "write_caught",
    "hinted",
    "raised",
    "exits",
    "raised_later",
    "file",
    "closed",
]
LINE = "a forked child came back from the application into the server"


@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_comes_back_ends_and_says_nothing(serve, way, threads):
    server = serve(STRAYING, "--threads", threads)
    with Client(server.port) as idle, Client(server.port) as client:
        assert idle.get("/codes").body == b"[]"
        for _ in range(3):
            response = client.get(f"/{way}")
            assert (response.status, response.header("x-who"), response.body) == (200, "parent", b"parent")
            # Whatever a child had sent would stand before this.
            assert client.get("/codes").body == b"[%d]" % STRAY
        wait_until(lambda: server.log.count(LINE) == 3, "each child has said why it ends")
        assert idle.get("/unharmed").body == b"parent"
        assert idle.get("/codes").body == b"[5]"
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert server.log.count(LINE) == 3


@pytest.mark.parametrize("body", ["early", "late"])
def test_a_child_reads_nothing_of_what_its_parent_is_sent(serve, body):
    """Without request buffering; the body is there when the child reads, or comes when it has ended."""
    server = serve(STRAYING, "--threads", "2", "--no-request-buffering")
    with Client(server.port) as client, Client(server.port) as other:
        for count in range(1, 4):
            client.begin("POST", "/read", "Content-Length: 6")
            if body == "late":
                wait_until(lambda count=count: server.log.count(LINE) == count, "the child has ended")
            client.send(b"parent")
            assert client.response().body == b"parent"
            assert other.get("/codes").body == b"[%d]" % STRAY


def test_a_child_that_outlives_the_request_keeps_no_connection_open(serve):
    """The server closes for all who hold a copy of its descriptor."""
    server = serve(
        """
        import os, select

        def app(environ, start_response):
            reader, writer = os.pipe()
            if os.fork() == 0:
                os.close(writer)
                os.read(reader, 1)  # ends with the server, at the latest
                os._exit(0)
            os.close(reader)
            start_response("200 OK", [("Connection", "close")])
            return [b"parent"]
        """,
        "--threads",
        "1",
    )
    with Client(server.port) as client:
        assert client.get("/").body == b"parent"
        assert client.rest() == b""
