"""SIGHUP: new code, and new settings, without a request lost."""

import signal

import pytest

from support import Client
from support.hammer import Hammer
from support.supervised import ASGI, BOTH
from support.wait import wait_until

# What /stream sends before and after the file `release` is there.
BEGINNING, END = b"5\r\nbegun\r\n", b"6\r\n ended\r\n0\r\n\r\n"
WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])


def version(source: str, number: str) -> str:
    return source.replace('VERSION = "1"', f'VERSION = "{number}"')


@WAYS
def test_twenty_times_in_a_row_under_load(supervise, interface, preload):
    # Each of the workers imports on its own without --preload, which takes a machine its time.
    workers = 4 if preload else 2
    server = supervise(BOTH[interface], "--interface", interface, "--workers", str(workers), *preload)
    with Hammer(server.port) as hammer:
        for times in range(1, 21):
            server.change(version(BOTH[interface], f"v{times}"))
            server.reload(times)
        hammer.goes_on()
        assert "v20" in hammer.versions
    server.wait_for_workers(workers)
    assert server.get("/echo").split()[0] == b"v20"
    assert server.stop() == 0
    assert "WARNING" not in server.log
    assert "ERROR" not in server.log


@WAYS
def test_many_at_once_are_one_or_two(supervise, interface, preload):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2", *preload)
    with Hammer(server.port) as hammer:
        for _ in range(20):
            server.signal(signal.SIGHUP)
        server.wait_for_times("reload is through", 1)
        server.change(version(BOTH[interface], "last"))
        # Also the last of several is obeyed, whatever was under way when it came.
        server.signal(signal.SIGHUP)
        wait_until(lambda: "last" in hammer.versions, "the last code serves")
    assert server.stop() == 0


# What is written there instead of the application, and what the log says then.
BROKEN = {
    "def app(:\n": "SyntaxError",
    "raise RuntimeError('no database')\n": "RuntimeError: no database",
    "other = 1\n": "exit code 4",
    "import os\nos._exit(7)\n": "exit code 7",
    "import os\nos.kill(os.getpid(), 9)\n": "SIGKILL",
    ASGI.replace('.complete"', '.failed", "message": "no cache"'): "no cache",
}


@WAYS
def test_broken_code_and_back(supervise, preload):
    server = supervise(ASGI, "--workers", "2", *preload)
    before = server.workers
    with Hammer(server.port) as hammer:
        for times, (source, told) in enumerate(BROKEN.items(), 1):
            server.change(source)
            server.signal(signal.SIGHUP)
            server.wait_for_times("reload abandoned.*the old code keeps serving", times)
            server.wait_for(told)
            hammer.goes_on()
            assert server.wait_for_workers(2) == before
        server.change(version(ASGI, "repaired"))
        server.reload()
        hammer.goes_on()
        assert hammer.versions == {"1", "repaired"}
    assert server.stop() == 0


@WAYS
def test_code_that_is_never_ready(supervise, preload):
    server = supervise(ASGI, "--workers", "2", *preload)
    before = server.workers
    # For those to come: the first ones may have taken longer.
    (server.folder / "yett.toml").write_text('startup_timeout = "2s"\n')
    with Hammer(server.port) as hammer:
        server.change("import time\ntime.sleep(1000)\n")
        server.signal(signal.SIGHUP)
        server.wait_for(r"reload abandoned.*2 s \(--startup-timeout\).*the old code keeps serving")
        hammer.goes_on()
        assert server.wait_for_workers(2) == before
    assert server.stop() == 0


@WAYS
def test_settings_that_can_change_and_settings_that_cannot(supervise, preload):
    def configure(workers: int, backlog: int, header: str) -> None:
        lines = f"workers = {workers}\nbacklog = {backlog}\nserver_header = {header}\n"
        (folder / "yett.toml").write_text(lines)

    def names_the_server() -> bool:
        with Client(server.port) as client:
            return client.get("/echo").header("server") is not None

    server = supervise(ASGI, *preload)
    folder = server.folder
    assert names_the_server()
    with Hammer(server.port) as hammer:
        configure(3, 100, "false")
        server.reload()
        server.wait_for("WARNING: backlog cannot be changed by a reload: restart the server")
        server.wait_for_workers(3)
        assert not names_the_server()
        hammer.goes_on()
        (folder / "yett.toml").write_text("workers = 'many'\n")
        server.signal(signal.SIGHUP)
        server.wait_for("reload abandoned: the settings are wrong.*workers")
        hammer.goes_on()
        configure(1, 2048, "true")
        server.reload(2)
        server.wait_for_workers(1)
        assert names_the_server()
    assert server.stop() == 0


def test_a_stream_has_longer_than_a_request(supervise):
    server = supervise(ASGI, "--graceful-timeout", "1s", "--stream-drain-timeout", "60s")
    [old] = server.workers
    with Client(server.port) as stream, Client(server.port) as request:
        stream.begin("GET", "/stream")
        assert stream.head().startswith("HTTP/1.1 200 ")
        assert stream.read(len(BEGINNING)) == BEGINNING
        request.begin("GET", "/wait")
        server.waiting()
        server.change(version(ASGI, "new"))
        server.reload()
        # Once the old worker has been told, which may take a moment.
        wait_until(lambda: server.get("/echo").split()[0] == b"new", "new connections are for the new code")
        # It has been given up, in the old worker.
        assert b" 200 " not in request.rest()[:20]
        assert old in server.workers
        server.release()
        assert stream.read(len(END)) == END
    wait_until(lambda: old not in server.workers, "the old worker ends")
    assert server.stop() == 0


def test_a_request_ends_in_the_old_worker(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface)
    [old] = server.workers
    with Client(server.port) as stream, Client(server.port) as request, Client(server.port) as idle:
        assert idle.get("/echo").status == 200
        stream.begin("GET", "/stream")
        assert stream.head().startswith("HTTP/1.1 200 ")
        assert stream.read(len(BEGINNING)) == BEGINNING
        request.begin("GET", "/wait")
        server.waiting()
        server.change(version(BOTH[interface], "new"))
        server.reload()
        wait_until(lambda: server.get("/echo").split()[0] == b"new", "new connections are for the new code")
        answers = []

        def is_told() -> bool:
            answers.append(idle.get("/echo"))
            return answers[-1].header("connection") == "close"

        # A connection without a request may be just about to bring one: it is answered, and closed once the worker has
        # been told, which may take a moment.
        wait_until(is_told, "the old worker closes what is idle")
        assert {tuple(answer.body.split()) for answer in answers} == {(b"1", b"%d" % old, b"/echo")}
        server.release()
        assert (response := request.response()).body == b"waited"
        assert response.header("connection") == "close"
        assert stream.read(len(END)) == END
    wait_until(lambda: old not in server.workers, "the old worker ends")
    assert server.stop() == 0
