"""`--chdir` and `--umask`, which count for everything that is opened and made."""

import signal

import pytest

from support import Client, ServerProcess
from support.command import run_yett
from support.wait import wait_until

WRONG_USAGE = 2
APP = """
import os

def app(environ, start_response):
    open("made", "w").close()
    start_response("200 OK", [])
    return [os.getcwd().encode()]
"""
BOTH = pytest.mark.parametrize(
    "options", [[], ["--no-supervisor"], ["--preload"]], ids=["supervised", "alone", "preload"]
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "shop.py").write_text(APP)
    return tmp_path


@BOTH
def test_everything_happens_there(folder, options):
    (folder / "yett.toml").write_text(
        'app = "shop:app"\nbind = "unix:socket"\nchdir = "inner"\npid = "yett.pid"\naccess_log = "access.log"\n'
    )
    inner = folder / "inner"
    with ServerProcess(options, cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        assert (inner / "yett.pid").exists()
        with Client(str(inner / "socket")) as client:
            assert client.get().body == str(inner).encode()
        assert server.stop() == 0
    assert "GET / HTTP" in (inner / "access.log").read_text()
    assert [path.name for path in folder.iterdir() if path.name not in ("yett.toml", "inner")] == []


def test_a_reload_reads_the_files_where_the_server_was_started(folder):
    (folder / "yett.toml").write_text('app = "shop:app"\nbind = "unix:socket"\nchdir = "inner"\n')
    with ServerProcess([], cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        (folder / "yett.toml").write_text(
            'app = "shop:app"\nbind = "unix:socket"\nchdir = "inner"\nworkers = 2\nlog_level = "debug"\n'
        )
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through: 2 workers")
        assert server.stop() == 0


def test_a_reload_moves_the_logs(folder):
    common = 'app = "shop:app"\nbind = "unix:socket"\nchdir = "inner"\naccess_log = "access"\n'
    inner = folder / "inner"

    def reload(more, done):
        (folder / "yett.toml").write_text(common + more)
        server.signal(signal.SIGHUP)
        wait_until(done, "the reload is through, or is refused")

    (folder / "yett.toml").write_text(common)
    with ServerProcess([], cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        reload('error_log = "nowhere/errors"\n', lambda: "nowhere/errors: No such file" in server.log)
        common = common.replace('"access"', '"accesses"')
        errors = inner / "errors"
        reload(
            'error_log = "errors"\n', lambda: errors.exists() and "reload is through" in errors.read_text()
        )
        # Until then the old worker may still be the one that takes a connection.
        wait_until(lambda: len(server.workers) == 1, "the old worker has ended")
        with Client(str(inner / "socket")) as client:
            assert client.get().status == 200
        assert server.stop() == 0
        assert "SIGTERM" not in server.log
    assert "SIGTERM" in errors.read_text()
    assert "GET / HTTP" in (inner / "accesses").read_text()
    assert (inner / "access").read_text() == ""


def test_the_application_is_checked_there(folder):
    result = run_yett("check", "shop:app", "--chdir", "inner", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("umask", ["027", "0o077"])
@BOTH
def test_the_umask(folder, umask, options):
    arguments = [
        "shop:app",
        "-b",
        "unix:socket",
        "--chdir",
        "inner",
        "--umask",
        umask,
        "--pid",
        "yett.pid",
        *options,
    ]
    inner = folder / "inner"
    with ServerProcess(arguments, cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        with Client(str(inner / "socket")) as client:
            assert client.get().status == 200
        bits = int(umask.removeprefix("0o"), 8)
        assert (inner / "socket").stat().st_mode & 0o777 == 0o777 & ~bits
        assert (inner / "made").stat().st_mode & 0o777 == 0o666 & ~bits
        assert (inner / "yett.pid").stat().st_mode & 0o777 == 0o644 & ~bits


def test_a_directory_that_is_not_there(folder):
    result = run_yett("shop:app", "--chdir", "outer", cwd=folder)
    assert (result.returncode, result.stderr) == (
        WRONG_USAGE,
        "yett: error: --chdir outer: No such file or directory\n",
    )
