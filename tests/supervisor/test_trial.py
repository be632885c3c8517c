"""What goes wrong around a reload, or while the server serves: it is told, and nothing else changes."""

import os
import re
import shutil
import signal
import textwrap

import pytest

from support import Client
from support.supervised import ASGI
from support.wait import wait_until

WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])
BROKEN = "raise RuntimeError('no database')\n"


def has_server_header(port: int) -> bool:
    with Client(port) as client:
        return client.get("/echo").header("server") is not None


@WAYS
def test_settings_of_an_abandoned_reload_are_not_in_force(supervise, preload):
    server = supervise(ASGI, *preload)
    assert has_server_header(server.port)
    (server.folder / "yett.toml").write_text("server_header = false\nworkers = 3\nmax_requests = 1\n")
    server.change(BROKEN)
    server.signal(signal.SIGHUP)
    server.wait_for("reload abandoned")
    server.change(ASGI)
    [old] = server.workers
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: server.workers not in ([], [old]), "the worker is replaced")
    server.wait_for_ready(2)
    assert all(has_server_header(server.port) for _ in range(5))
    assert len(server.workers) == 1
    assert "max-requests" not in server.log
    # In force as soon as they have proven themselves.
    (server.folder / "yett.toml").write_text("server_header = false\nworkers = 2\n")
    server.reload()
    server.wait_for_workers(2)
    assert not has_server_header(server.port)
    assert server.stop() == 0


def test_logs_of_a_reload_that_is_abandoned_before_all_are_ready_go_where_they_went(begin, tmp_path):
    (tmp_path / "rest.py").write_text(textwrap.dedent(ASGI))
    first_only = """
        import os, time
        try:
            os.close(os.open("first", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            os.write(1, b"imported\\n")
            while not os.path.exists("release"):
                time.sleep(0.01)
        from rest import app
    """
    server = begin(first_only, "--workers", "2")
    server.wait_for_ready(1)
    # The other one has read this code, too.
    server.wait_for("^imported$")
    (tmp_path / "yett.toml").write_text('error_log = "other"\n')
    server.change(BROKEN)
    server.signal(signal.SIGHUP)
    other = tmp_path / "other"
    wait_until(lambda: other.exists() and "reload abandoned" in other.read_text(), "the reload fails")
    server.release()
    server.wait_for("INFO: serving on")
    assert "serving on" not in other.read_text()
    assert server.stop() == 0


def test_the_folder_of_the_access_log_is_gone(supervise, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    server = supervise(ASGI, "--access-log", "logs/access")
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        [worker] = server.waiting()
        shutil.rmtree(logs)
        os.kill(worker, signal.SIGKILL)
        server.wait_for("ERROR: the requests of a worker that has died are missing in the access log")
        server.wait_for("ERROR: cannot open the access log logs/access")
    server.signal(signal.SIGHUP)
    server.wait_for("reload abandoned: the settings are wrong.*cannot open the access log")
    logs.mkdir()
    server.wait_for_ready(2)
    assert server.get("/echo")
    assert "exit code 2" in server.log
    assert "Traceback" not in server.log
    assert server.stop() == 0


@pytest.mark.parametrize("leaves", [True, False], ids=["chdir", "stays"])
def test_the_directory_of_the_start_is_gone(supervise, tmp_path, tmp_path_factory, leaves):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.py").write_text(textwrap.dedent(ASGI))
    server = supervise(ASGI, *(["--chdir", str(elsewhere)] if leaves else []))
    shutil.rmtree(tmp_path)
    server.signal(signal.SIGHUP)
    server.wait_for("reload abandoned.*the directory in which the server was started has been removed")
    assert server.get("/echo")
    assert server.stop() == 0


HOOKS = """
def interrupted():
    raise KeyboardInterrupt

def ends():
    raise SystemExit(9)
"""


def test_whatever_a_hook_raises_decides_nothing(supervise, tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "yett.toml").write_text(
        'when_ready = "hooks:interrupted"\non_reload = "hooks:interrupted"\nworker_ready = "hooks:ends"\n'
    )
    server = supervise(ASGI)
    server.wait_for("the hook when_ready failed")
    server.reload()
    assert "the hook on_reload failed" in server.log
    assert server.get("/echo")
    assert server.stop() == 0


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit(3)", "ValueError('x')"])
def test_whatever_a_file_of_settings_raises_decides_nothing(supervise, tmp_path, raised):
    config = tmp_path / "gunicorn.conf.py"
    config.write_text("workers = 1\n")
    server = supervise(ASGI, "--config", "gunicorn.conf.py")
    config.write_text(f"raise {raised}\n")
    server.signal(signal.SIGHUP)
    server.wait_for("reload abandoned: the settings are wrong")
    assert server.get("/echo")
    assert server.stop() == 0


def test_each_failure_of_a_worker_is_told_in_the_log(supervise):
    server = supervise(ASGI)
    for times, reason in enumerate(["no database", "no cache"], 2):
        server.change(f"raise RuntimeError({reason!r})\n")
        for worker in server.workers:
            os.kill(worker, signal.SIGKILL)
        server.wait_for(rf"ERROR: .*RuntimeError: {reason}")
        server.change(ASGI)
        server.wait_for_ready(times)
        assert server.get("/echo")
    assert "yett: error" not in server.log
    assert server.stop() == 0


@WAYS
def test_why_a_reload_fails_is_told_in_the_log(supervise, preload):
    server = supervise(ASGI, *preload)
    server.change(BROKEN)
    server.signal(signal.SIGHUP)
    server.wait_for("reload abandoned")
    server.wait_for("ERROR: .*RuntimeError: no database")
    assert not re.search("yett: error", server.log)
    assert server.stop() == 0


def test_a_zygote_reopens_its_log(begin, tmp_path):
    log = tmp_path / "errors"
    server = begin(ASGI, "--preload", "--error-log", "errors")
    wait_until(lambda: log.exists() and "serving on" in log.read_text(), "it serves")
    log.rename(tmp_path / "errors.1")
    server.signal(signal.SIGUSR1)
    wait_until(lambda: all(str(log) in opened(pid) for pid in server.group()), "all write to the new file")
    # Supervisor, zygote, worker.
    assert len(server.group()) == 3
    assert server.stop() == 0


def opened(pid: int) -> list[str]:
    """The files that a process has open."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        pass
    return found
