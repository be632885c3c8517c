"""The command line: options, environment, help, and what is said when something is wrong."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

import yett
from support import Client, ServerProcess
from support.command import run_yett

WRONG_USAGE = 2
HELLO = """
    async def app(scope, receive, send):
        if scope["path"] == "/fail":
            raise RuntimeError("as asked")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["root_path"].encode() or b"hello"})
"""


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(tmp_path, option):
    result = run_yett(option, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"yett \d+\.\d+\.\d+\S*\n", result.stdout)
    assert yett.__version__ in result.stdout


def test_short_and_long_help(tmp_path):
    short, long = run_yett("-h", cwd=tmp_path), run_yett("--help", cwd=tmp_path)
    for result in (short, long):
        assert (result.returncode, result.stderr) == (0, "")
        assert "yett APP" in result.stdout
        assert "--bind" in result.stdout
    assert len(short.stdout) < len(long.stdout)
    assert "Exit codes:" in long.stdout
    assert "YETT_HEAD_TIMEOUT" in long.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app:app", "--bnid", ":8000"], r"--bnid.*\n?.*--bind"),
        (["app:app", "--access-lgo"], r"--access-lgo.*\n?.*--access-log"),
        (["app:app", "--bind"], "--bind"),
        (["app:app", "--bind", "127.0.0.1:70000"], "70000"),
        (["app:app", "--loop", "asyncoi"], r"asyncoi(.|\n)*asyncio"),
        (["app:app", "--head-timeout", "soon"], "--head-timeout"),
        (["app:app", "--head-timeout", "0"], "--head-timeout"),
        (["app:app", "--limit-body=-1"], "--limit-body"),
        (["app:app", "--unix-mode", "rwx"], "--unix-mode"),
        (["app:app", "--log-level", "loud"], "loud"),
        (["app:app", "--root-path", "relative"], "--root-path"),
        (["app:app", "other:app"], "other:app"),
        ([], "no application given"),
    ],
)
def test_wrong_usage(tmp_path, arguments, message):
    result = run_yett(*arguments, cwd=tmp_path)
    assert result.returncode == WRONG_USAGE
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr), result.stderr


def test_an_access_log_that_cannot_be_opened(tmp_path):
    result = run_yett("nothing:app", "--bind", "unix:socket", "--access-log", "missing/log", cwd=tmp_path)
    assert result.returncode == WRONG_USAGE
    assert result.stderr.startswith("yett: error: cannot open the access log missing/log: ")
    assert not (tmp_path / "socket").exists()


def test_the_environment_gives_defaults(serve):
    server = serve(
        HELLO, env={"YETT_ROOT_PATH": "/prefix", "YETT_LIFESPAN": "off", "YETT_SERVER_HEADER": "no"}
    )
    with Client(server.port) as client:
        response = client.get()
    assert (response.body, response.header("server")) == (b"/prefix", None)


def test_the_command_line_wins_over_the_environment(serve):
    server = serve(HELLO, "--root-path", "/option", env={"YETT_ROOT_PATH": "/prefix"})
    with Client(server.port) as client:
        assert client.get().body == b"/option"


def test_a_wrong_value_in_the_environment_is_named(tmp_path):
    result = run_yett("app:app", cwd=tmp_path, env={"YETT_HEAD_TIMEOUT": "soon"})
    assert result.returncode == WRONG_USAGE
    assert "YETT_HEAD_TIMEOUT" in result.stderr


def test_several_addresses_in_the_environment(serve, tmp_path):
    (tmp_path / "app.py").write_text(textwrap.dedent(HELLO))
    environment = {"YETT_BIND": "unix:first,unix:second"}
    with ServerProcess(["app:app"], cwd=tmp_path, env=environment) as server:
        server.wait_for("serving on unix:second")
        for name in ("first", "second"):
            with Client(str(tmp_path / name)) as client:
                assert client.get().body == b"hello"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", {"INFO: serving", "DEBUG: refused", "ERROR: GET /fail"}),
        ("info", {"INFO: serving", "ERROR: GET /fail"}),
        ("warning", {"ERROR: GET /fail"}),
        ("error", {"ERROR: GET /fail"}),
    ],
)
def test_log_levels(tmp_path, level, expected):
    (tmp_path / "app.py").write_text(textwrap.dedent(HELLO) + "\nprint('imported', flush=True)\n")
    options = ["--bind", "unix:socket", "--log-level", level, "--lifespan", "off"]
    with ServerProcess(["app:app", *options], cwd=tmp_path) as server:
        server.wait_for("imported")  # the addresses are open before
        for sent, status in ((b"BAD\r\n\r\n", 400), (b"GET /fail HTTP/1.1\r\nHost: test\r\n\r\n", 500)):
            with Client(str(tmp_path / "socket")) as client:
                client.send(sent)
                assert client.response().status == status
        assert server.stop() == 0
        told = {
            text for text in ("INFO: serving", "DEBUG: refused", "ERROR: GET /fail") if text in server.log
        }
    assert told == expected


def test_a_log_that_nobody_reads_does_not_stop_the_server(tmp_path):
    """Standard error is a pipe whose reader has gone."""
    (tmp_path / "app.py").write_text(textwrap.dedent(HELLO))
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "yett", "app:app", "--bind", "unix:socket", "--lifespan", "off"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=writer)
    os.close(writer)
    try:
        assert b"serving on" in os.read(reader, 4096)
        os.close(reader)
        for _ in range(3):
            with Client(str(tmp_path / "socket")) as client:
                assert client.get("/fail").status == 500
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
