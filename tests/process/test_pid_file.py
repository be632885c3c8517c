"""`--pid`: the number of the process to send signals to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import run_yett
from support.wait import wait_until

WRONG_USAGE = 2
APP = """
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"hi"]
"""
BOTH = pytest.mark.parametrize("options", [[], ["--no-supervisor"]], ids=["supervised", "alone"])


@BOTH
def test_it_holds_our_number_while_we_serve(serve, tmp_path, options):
    file = tmp_path / "yett.pid"
    server = serve(APP, "--pid", "yett.pid", *options)
    assert file.read_text() == f"{server.process.pid}\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.glob("yett.pid*")) == ["yett.pid"]
    assert server.stop() == 0
    assert not file.exists()


def test_workers_that_end_leave_it(serve, tmp_path):
    file = tmp_path / "yett.pid"
    server = serve(APP, "--pid", "yett.pid")
    worker = server.pid
    server.signal(signal.SIGHUP)
    server.wait_for("reload is through")
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), "the old worker has ended")
    assert file.read_text() == f"{server.process.pid}\n"


def test_one_that_was_left_behind_is_replaced(serve, tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    file = tmp_path / "yett.pid"
    for left in (child.stdout, b"", b"nonsense", b"-1\n", b"99999999999999\n"):
        file.write_bytes(left)
        with serve(APP, "--pid", "yett.pid") as server:
            assert file.read_text() == f"{server.process.pid}\n", left
            assert server.stop() == 0


def test_a_number_that_has_come_again_is_no_server(serve, tmp_path):
    """A process that was started after the file was written has not written it."""
    file = tmp_path / "yett.pid"
    file.write_text(f"{os.getpid()}\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    server = serve(APP, "--pid", "yett.pid")
    assert file.read_text() == f"{server.process.pid}\n"


@BOTH
def test_a_server_that_runs_keeps_it(serve, tmp_path, options):
    number = serve(APP, "--pid", "yett.pid").process.pid
    for bind in ("127.0.0.1:0", "unix:second"):
        result = run_yett("app:app", "--bind", bind, "--pid", "yett.pid", *options, cwd=tmp_path)
        assert result.returncode == WRONG_USAGE
        assert result.stderr.splitlines()[-2:] == [
            f"yett: error: --pid {tmp_path}/yett.pid: the server that has written it still runs (process {number})",
            "       stop it, or name another file; if it is no server, remove the file",
        ]
    assert (tmp_path / "yett.pid").read_text() == f"{number}\n"
    assert not (tmp_path / "second").exists()


def test_one_that_somebody_else_has_written_meanwhile_stays(serve, tmp_path):
    server = serve(APP, "--pid", "yett.pid")
    (tmp_path / "yett.pid").write_text("1\n")
    assert server.stop() == 0
    assert (tmp_path / "yett.pid").read_text() == "1\n"


@BOTH
def test_a_place_that_cannot_be_written(tmp_path, options):
    (tmp_path / "app.py").write_text("app = lambda environ, start_response: []")
    result = run_yett("app:app", "-b", "unix:socket", "--pid", "nowhere/yett.pid", *options, cwd=tmp_path)
    assert result.returncode == WRONG_USAGE
    assert f"yett: error: --pid {tmp_path}/nowhere/yett.pid: No such file or directory" in result.stderr
    assert not (tmp_path / "socket").exists()


def test_a_supervisor_that_is_killed_leaves_one_that_the_next_replaces(serve, tmp_path):
    server = serve(APP, "--pid", "yett.pid")
    server.process.kill()
    server.wait()
    assert (tmp_path / "yett.pid").read_text() == f"{server.process.pid}\n"
    second = serve(APP, "--pid", "yett.pid")
    wait_until(lambda: (tmp_path / "yett.pid").read_text() == f"{second.process.pid}\n", "the file is ours")
