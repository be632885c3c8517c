"""SIGUSR2: another supervisor takes over the listeners, and the old one goes when it serves."""

import os
import re
import signal
import textwrap

import pytest

from support import Client
from support.hammer import Hammer
from support.processes import children, is_alive, open_targets
from support.supervised import ASGI, BOTH
from support.wait import wait_until

HANGING = "import os, time\nos.write(1, b'hanging\\n')\ntime.sleep(1000)\n"

# Every worker but the first one fails.
HALF = """
    import os, time
    try:
        os.close(os.open("first", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        while not os.path.exists("release"):
            time.sleep(0.01)
        raise RuntimeError("not twice")
    from rest import app
"""

WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])


def version(source: str, number: str) -> str:
    return source.replace('VERSION = "1"', f'VERSION = "{number}"')


def successor(server, times: int = 1) -> int:
    """The process of the `times`th supervisor after the first, which serves."""
    lines = server.wait_for_times(r"\[\d+\] INFO: serving on", times + 1)
    return int(re.search(r"\[(\d+)\]", lines[times])[1])


@WAYS
def test_twice_in_a_row_under_load(supervise, interface, preload):
    found = "return repr([name for name in os.environ if 'SUCCESSION' in name]).encode()"
    source = BOTH[interface].replace('return b""', found)
    server = supervise(source, "--interface", interface, "--workers", "2", *preload)
    with Hammer(server.port) as hammer:
        server.change(version(source, "second"))
        server.signal(signal.SIGUSR2)
        second = successor(server)
        assert server.end() == 0
        hammer.goes_on()
        assert "second" in hammer.versions
        server.change(version(source, "third"))
        os.kill(second, signal.SIGUSR2)
        third = successor(server, 2)
        wait_until(lambda: not is_alive(second), "the second supervisor ends")
        hammer.goes_on()
        assert "third" in hammer.versions
        assert int(server.get("/echo").split()[1]) in children(third)
        # What it was told by the old one is not to be seen by the application, or what that starts.
        assert server.get("/environment") == b"[]"
    # The new one obeys like the first.
    os.kill(third, signal.SIGHUP)
    server.wait_for_times("reload is through", 1)
    os.kill(third, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert " ERROR" not in server.log
    assert " WARNING" not in server.log


def test_the_file_of_a_unix_socket_stays(supervise):
    server = supervise(ASGI, "--bind", "unix:socket", "--workers", "2")
    path = server.folder / "socket"
    inode = path.stat().st_ino
    with Hammer(str(path)) as hammer:
        server.signal(signal.SIGUSR2)
        new = successor(server)
        assert server.end() == 0
        hammer.goes_on()
        assert path.stat().st_ino == inode
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert not path.exists()


def test_a_stuck_worker_of_a_killed_supervisor_does_not_end_the_listening_of_the_next(supervise):
    server = supervise(ASGI, "--graceful-timeout", "0s", "--stream-drain-timeout", "60s")
    with Client(server.port) as client:
        client.begin("GET", "/block")
        server.wait_for("^blocking")
        [stuck] = server.workers
        server.signal(signal.SIGUSR2)
        new = successor(server)
        server.process.kill()
        assert server.end() == -signal.SIGKILL
        wait_until(lambda: not is_alive(stuck), "it is ended")
    with Hammer(server.port) as hammer:
        hammer.goes_on()
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")


def test_the_pid_file_names_who_serves(supervise):
    server = supervise(ASGI, "--pid", "yett.pid")
    file = server.folder / "yett.pid"
    server.change("def app(:\n")
    server.signal(signal.SIGUSR2)
    server.wait_for("the new supervisor did not start")
    assert file.read_text() == f"{server.supervisor}\n"
    server.change(ASGI)
    server.signal(signal.SIGUSR2)
    new = successor(server)
    assert server.end() == 0
    # Of two that know the file only one may remove it.
    assert file.read_text() == f"{new}\n"
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert not file.exists()


def test_what_runs_in_the_old_one_finishes(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        [worker] = server.waiting()
        server.signal(signal.SIGUSR2)
        new = successor(server)
        server.wait_for("the new supervisor serves; this one stops when its requests have finished")
        # The old workers have yet to be told.
        wait_until(lambda: int(server.get("/echo").split()[1]) in children(new), "the new ones serve")
        assert is_alive(worker)
        server.release()
        assert client.response().body == b"waited"
    assert server.end() == 0
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")


@WAYS
def test_into_a_broken_program(supervise, preload):
    server = supervise(ASGI, "--workers", "2", *preload)
    workers, before = server.workers, open_targets(server.supervisor)
    with Hammer(server.port) as hammer:
        for times in (1, 2):
            server.change("def app(:\n")
            server.signal(signal.SIGUSR2)
            server.wait_for_times(
                "the new supervisor did not start: it ended with exit code 4; this one goes on", times
            )
            hammer.goes_on()
            assert server.wait_for_workers(2) == workers
        assert open_targets(server.supervisor) == before
        server.change(version(ASGI, "repaired"))
        server.signal(signal.SIGUSR2)
        new = successor(server)
        assert server.end() == 0
        hammer.goes_on()
        assert "repaired" in hammer.versions
        os.kill(new, signal.SIGTERM)
        hammer.forget_failures()
        wait_until(lambda: not server.group(), "all end")
        hammer.stop()
        hammer.forget_failures()


def test_a_new_one_that_is_killed_and_one_that_hangs(supervise):
    server = supervise(ASGI, "--workers", "1")
    [worker] = server.workers
    server.change(HANGING)
    with Hammer(server.port) as hammer:
        server.signal(signal.SIGUSR2)
        server.wait_for("hanging")
        server.signal(signal.SIGUSR2)
        server.wait_for("WARNING: SIGUSR2: a new supervisor is starting already")
        server.signal(signal.SIGHUP)
        server.wait_for("WARNING: no reload: a new supervisor is starting")
        [new] = set(children(server.supervisor)) - {worker}
        os.kill(new, signal.SIGKILL)
        server.wait_for("the new supervisor did not start: it ended with signal 9; this one goes on")
        hammer.goes_on()
        server.change(ASGI)
        server.reload()
        hammer.goes_on()
    server.signal(signal.SIGTERM)
    assert server.end() == 0


def test_the_old_one_can_be_told_to_end_while_the_new_one_starts(supervise):
    server = supervise(ASGI, "--bind", "unix:socket")
    server.change(
        "import os, time\nos.write(1, b'starting\\n')\nwhile not os.path.exists('release'):\n    time.sleep(0.01)\n"
        + "from rest import app\n"
    )
    (server.folder / "rest.py").write_text(textwrap.dedent(ASGI))
    server.signal(signal.SIGUSR2)
    server.wait_for("starting")
    server.signal(signal.SIGTERM)
    assert server.end() == 0
    server.release()
    new = successor(server)
    path = server.folder / "socket"
    assert path.exists(), "it is the new one's"
    with Hammer(str(path)) as hammer:
        hammer.goes_on()
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert not path.exists()


def test_a_new_one_that_fails_leaves_the_file_of_a_unix_socket(supervise):
    server = supervise(ASGI, "--bind", "unix:socket")
    path = server.folder / "socket"
    inode = path.stat().st_ino
    [worker] = server.workers
    with Hammer(str(path)) as hammer:
        server.change("def app(:\n")
        server.signal(signal.SIGUSR2)
        server.wait_for("the new supervisor did not start: it ended with exit code 4; this one goes on")
        hammer.goes_on()
        server.change(HANGING)
        server.signal(signal.SIGUSR2)
        server.wait_for("hanging")
        [new] = set(children(server.supervisor)) - {worker}
        os.kill(new, signal.SIGTERM)
        server.wait_for("the new supervisor did not start: it ended with exit code 0; this one goes on")
        hammer.goes_on()
    assert path.stat().st_ino == inode
    assert server.stop() == 0
    assert not path.exists(), "it is the old one's again"


def test_the_file_of_a_unix_socket_goes_with_a_new_one_that_nobody_is_before(supervise):
    server = supervise(ASGI, "--bind", "unix:socket")
    [worker] = server.workers
    server.change(HANGING)
    server.signal(signal.SIGUSR2)
    server.wait_for("hanging")
    [new] = set(children(server.supervisor)) - {worker}
    server.signal(signal.SIGTERM)
    assert server.end() == 0
    path = server.folder / "socket"
    assert path.exists(), "the new one may yet serve"
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_the_old_one_can_end_before_the_new_one_looks_at_what_it_has_inherited(supervise, tmp_path, number):
    # Hooks are imported first of all.
    (tmp_path / "hooks.py").write_text(
        "import os, time\n"
        "if os.path.exists('second'):\n"
        "    os.write(1, b'hooks are imported\\n')\n"
        "    while not os.path.exists('release'):\n"
        "        time.sleep(0.01)\n"
        "def ready(): pass\n"
    )
    server = supervise(ASGI, "--when-ready", "hooks:ready", "--pid", "yett.pid")
    (tmp_path / "second").touch()
    server.signal(signal.SIGUSR2)
    server.wait_for("hooks are imported")
    workers = server.workers
    server.signal(number)
    assert server.end() == (0 if number == signal.SIGTERM else -number)
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "its workers end, too")
    with Client(server.port) as client:
        # It waits at the listener, which is the new one's now.
        client.begin("GET", "/echo")
        server.release()
        new = successor(server)
        assert client.response().status == 200
    assert (tmp_path / "yett.pid").read_text() == f"{new}\n"
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
    assert not (tmp_path / "yett.pid").exists()


def half_started(supervise):
    """A server whose successor has one worker that is ready, and one that will fail as soon as it is let."""
    server = supervise(ASGI, "--workers", "2")
    (server.folder / "rest.py").write_text(textwrap.dedent(version(ASGI, "second")))
    server.change(HALF)
    before = set(children(server.supervisor))
    server.signal(signal.SIGUSR2)
    server.wait_for_ready(3)
    [new] = set(children(server.supervisor)) - before
    return server, new


def test_one_worker_that_fails_is_enough(supervise):
    server, _ = half_started(supervise)
    with Hammer(server.port) as hammer:
        hammer.goes_on()
        server.release()
        server.wait_for("the new supervisor did not start: it ended with exit code 4; this one goes on")
        hammer.goes_on()
        # It is not waiting for the new one any more.
        server.change(version(ASGI, "repaired"))
        server.reload()
        hammer.goes_on()
        assert "repaired" in hammer.versions
    assert "not every worker became ready; stopping" in server.log
    assert server.stop() == 0


def test_one_worker_that_fails_is_not_enough_when_the_old_one_has_ended(supervise):
    server, new = half_started(supervise)
    server.signal(signal.SIGKILL)
    assert server.end() == -signal.SIGKILL
    server.wait_for("INFO: the old supervisor has ended; this one goes on with what starts")
    server.release()
    server.wait_for_times("ended by itself with exit code 4", 2)
    with Hammer(server.port) as hammer:
        hammer.goes_on()
        server.change(ASGI)
        successor(server)
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not server.group(), "all end")
