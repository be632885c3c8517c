"""The error log: for people, for machines, and for whoever uses Python's `logging`."""

import json
import os
import pty
import re
import subprocess
import sys
import textwrap

import pytest

from support import Client, ServerProcess
from support.logs import BOTH, is_up
from support.server import PATIENCE_SECONDS
from support.wait import wait_until


@pytest.fixture
def start_quiet(tmp_path, interface):
    """A server whose error log goes elsewhere: it cannot say where it serves."""
    servers = []

    def start(source, *options, **more):
        (tmp_path / "app.py").write_text(textwrap.dedent(source))
        arguments = ["app:app", "--interface", interface, "--bind", "unix:socket", *options]
        servers.append(ServerProcess(arguments, tmp_path, **more))
        wait_until(lambda: is_up(tmp_path / "socket"), "the server listens")
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


def ask(tmp_path, path):
    with Client(str(tmp_path / "socket")) as client:
        return client.get(path)


def test_text_with_a_traceback(start, get):
    server = start()
    get(server, "/fail")
    line = server.wait_for(r"ERROR: GET /fail: (.*) request_id=[0-9a-f]{32}$").string
    assert re.match(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[{server.pid}\] ERROR: ", line)
    server.wait_for(r"^Traceback \(most recent call last\):$")
    server.wait_for(r"^RuntimeError: as asked$")


def test_json_is_one_object_a_line(start, get):
    server = start("--log-format", "json", "--log-level", "debug")
    get(server, "/fail")
    with Client(server.port) as client:
        client.send(b"BAD\r\n\r\n")
        client.response()
    processes = {server.process.pid, server.pid}
    assert server.stop() == 0
    messages = [json.loads(line) for line in server.log.splitlines()]
    assert {message["pid"] for message in messages} == processes
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", messages[0]["time"])
    assert messages[0]["level"] == "debug"
    [failure] = [message for message in messages if message["level"] == "error"]
    assert (failure["method"], failure["path"]) == ("GET", "/fail")
    assert (failure["exception"], failure["exception_text"]) == ("RuntimeError", "as asked\nFORGED")
    assert failure["traceback"].startswith("Traceback (most recent call last):\n")
    assert "Traceback" not in failure["message"]
    assert len(failure["request_id"]) == 32
    assert any("refused a request from 127.0.0.1" in m["message"] for m in messages if m["level"] == "debug")


def test_a_pipe_that_nobody_reads_yet(tmp_path):
    from support.command import run_yett

    os.mkfifo(tmp_path / "pipe")
    for option in ("--error-log", "--access-log"):
        ended = run_yett("app:app", option, "pipe", cwd=tmp_path)
        assert ended.returncode == 2
        assert f"cannot open the {option[2:-4]} log pipe" in ended.stderr


def test_to_a_file_and_to_standard_output(start_quiet, tmp_path, interface):
    server = start_quiet(BOTH[interface], "--error-log", "errors")
    assert ask(tmp_path, "/fail").status == 500
    wait_until(lambda: "RuntimeError: as asked" in (tmp_path / "errors").read_text(), "the traceback")
    assert "Traceback" not in server.log


def test_a_file_that_cannot_be_opened(tmp_path):
    from support.command import run_yett

    ended = run_yett("app:app", "--error-log", "nowhere/errors", cwd=tmp_path)
    assert ended.returncode == 2
    assert "cannot open the error log nowhere/errors" in ended.stderr


LOGGING = """
    import logging

    class Handler(logging.Handler):
        def emit(self, record):
            print("handled", record.name, record.levelname, record.getMessage().splitlines()[0], flush=True)

    logging.getLogger("yett").addHandler(Handler())
    logging.getLogger("yett").setLevel(logging.INFO)
"""


def test_through_logging(start_quiet, tmp_path, interface):
    server = start_quiet(LOGGING + BOTH[interface], "--error-log", "logging")
    assert ask(tmp_path, "/fail").status == 500
    server.wait_for(r"INFO: serving on unix:")
    server.wait_for(r"^handled yett\.error ERROR GET /fail: .* request_id=")
    assert server.stop() == 0
    assert "ERROR: GET /fail" not in server.log


def test_logging_of_the_application_is_left_alone(serve, interface, get):
    server = serve(
        BOTH[interface]
        + """
    import logging

    def show():
        root = logging.getLogger()
        known = [name for name in logging.root.manager.loggerDict if name.startswith("yett")]
        print("handlers", root.handlers, root.level, known, flush=True)

    import atexit
    atexit.register(show)
    """,
        "--interface",
        interface,
    )
    get(server, "/fail")
    assert server.stop() == 0
    server.wait_for(r"^handlers \[\] 30 \[\]$")


def on_a_terminal(tmp_path, env):
    """What a server prints on a terminal, up to the first answered request."""
    (tmp_path / "app.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return []\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "yett", "app:app", "--bind", "unix:socket", "--access-log", "stdout",
         "--access-log-format", "dev"],
        cwd=tmp_path, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    try:
        while b"serving on" not in printed:
            printed += os.read(ours, 65536)
        ask(tmp_path, "/")
        while b"GET / " not in printed or not printed.endswith(b"\n"):
            printed += os.read(ours, 65536)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
        os.close(ours)
    return printed.decode()


def test_colours_on_a_terminal(tmp_path):
    printed = on_a_terminal(tmp_path, {"NO_COLOR": ""})
    assert "\x1b[32mINFO\x1b[0m: serving on" in printed
    assert "GET / \x1b[32m200\x1b[0m " in printed


def test_no_colours_where_they_are_not_wanted(tmp_path):
    assert "\x1b" not in on_a_terminal(tmp_path, {"NO_COLOR": "1"})


def test_no_colours_in_a_pipe(serve, get):
    server = serve(BOTH["wsgi"], "--access-log", "-", "--access-log-format", "dev")
    get(server, "/")
    server.wait_for("GET / 200")
    assert "\x1b" not in server.log


FORKING = """
    import os

    def app(environ, start_response):
        environ["wsgi.errors"].write("before\\n")
        if os.fork() == 0:
            environ["wsgi.errors"].write("in the child\\n")
            from yett import _core
            _core.flush_logs()
            os._exit(0)
        os.wait()
        environ["wsgi.errors"].write("after\\n")
        start_response("200 OK", [])
        return []
"""


@pytest.mark.parametrize("options", [[], ["--access-log", "log"]])
def test_a_forked_child_writes_its_own_lines_and_no_others(serve, get, options):
    server = serve(FORKING, *options)
    for _ in range(5):
        assert get(server, "/").status == 200
    assert server.stop() == 0
    for text in ("before", "in the child", "after"):
        assert len(re.findall(rf"ERROR: {text}$", server.log, re.MULTILINE)) == 5
    assert len(set(re.findall(r"\[(\d+)\] ERROR: in the child", server.log))) == 5
    if options:
        assert len((server.folder / "log").read_text().splitlines()) == 5


def test_control_characters_do_not_reach_the_terminal(serve, get):
    server = serve(
        """
        def app(environ, start_response):
            environ["wsgi.errors"].write("\\x1b[2Jcleared\\r\\n")
            start_response("200 OK", [])
            return []
        """
    )
    get(server, "/")
    server.wait_for(r"ERROR: \\x1b\[2Jcleared")
