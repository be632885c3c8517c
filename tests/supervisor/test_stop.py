"""The end, as signals ask for it: SIGTERM finishes, SIGINT and SIGQUIT end fast, and a second one ends at once."""

import os
import signal
import time

import pytest

from support import Client, refuses
from support.hammer import Hammer
from support.processes import is_alive, name
from support.supervised import ASGI, BOTH, WSGI
from support.wait import wait_until

FAST = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])


def test_running_requests_finish(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    clients = [Client(server.port) for _ in range(4)]
    idle = Client(server.port)
    assert idle.get("/echo").status == 200
    for client in clients:
        client.begin("GET", "/wait")
    server.waiting(len(clients))
    server.signal(signal.SIGTERM)
    assert idle.rest() == b""
    server.release()
    for client in clients:
        response = client.response()
        assert (response.body, response.header("connection")) == (b"waited", "close")
        client.close()
    idle.close()
    assert server.wait() == 0
    assert "WARNING" not in server.log
    # Each worker has shut its application down.
    assert server.log.count("shutdown") == (2 if interface == "asgi" else 0)
    with pytest.raises(ConnectionRefusedError):
        Client(server.port)


@pytest.mark.parametrize("preload", ["--preload", "--no-preload"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_who_connects_while_requests_finish_is_refused(supervise, interface, preload, kind, tmp_path):
    """By then none of the processes holds the sockets any more."""
    path = tmp_path / "socket"
    bind = ["--bind", f"unix:{path}"] if kind == "unix" else []
    server = supervise(BOTH[interface], "--workers", "2", "--threads", "4", preload, *bind)
    address = str(path) if kind == "unix" else server.port

    with Client(address) as running:
        running.begin("GET", "/wait")
        server.waiting()
        server.signal(signal.SIGTERM)
        wait_until(lambda: refuses(address), "connections are refused")
        server.release()
        assert running.response().body == b"waited"
    assert server.wait() == 0


def test_accepting_goes_on_for_the_drain_delay(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2", "--drain-delay", "4s")
    began = time.monotonic()
    with Client(server.port) as kept:
        assert kept.get("/echo").header("connection") is None
        server.signal(signal.SIGTERM)
        server.wait_for("SIGTERM: stopping")
        wait_until(lambda: kept.get("/echo").header("connection") == "close", "one from before is told, too")
    answered = 0
    while True:
        try:
            with Client(server.port) as client:
                response = client.get("/echo")
        except (ConnectionError, EOFError):
            break
        assert response.status == 200
        if response.header("connection") == "close":
            answered += 1
    assert answered > 3
    assert server.wait() == 0
    assert time.monotonic() - began >= 4


def test_what_does_not_finish_is_given_up_after_the_graceful_timeout(supervise):
    server = supervise(ASGI, "--graceful-timeout", "500ms")
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        server.waiting()
        server.signal(signal.SIGTERM)
        assert b"waited" not in client.rest()
    assert server.wait() == 0


@FAST
def test_fast(supervise, interface, number):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    workers = server.workers
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        server.waiting()
        began = time.monotonic()
        server.signal(number)
        # Far less than running requests may take (30 s).
        assert server.wait() == 0
        assert time.monotonic() - began < 15
        assert b"waited" not in client.rest()
    assert not any(is_alive(pid) for pid in workers)


def test_a_second_signal_ends_at_once(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    workers = server.workers
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        server.waiting()
        server.signal(signal.SIGTERM)
        server.wait_for("SIGTERM: stopping; running requests finish first")
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM
    assert not any(is_alive(pid) for pid in workers)


def test_a_loop_that_is_blocked_for_ever_is_killed(supervise):
    server = supervise(ASGI, "--graceful-timeout", "0s")
    [worker] = server.workers
    with Client(server.port) as client:
        client.begin("GET", "/block")
        server.wait_for(f"blocking {worker}")
        server.signal(signal.SIGTERM)
        server.wait_for(rf"WARNING: worker \d+ \(pid {worker}\) has not stopped in time; it is killed")
        assert server.wait() == 0
    assert not is_alive(worker)


def test_threads_that_are_blocked_for_ever_are_left(supervise):
    server = supervise(WSGI, "--interface", "wsgi", "--graceful-timeout", "0s")
    with Client(server.port) as client:
        client.begin("GET", "/block")
        server.wait_for("blocking")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_an_application_that_takes_the_signals_for_itself(supervise, interface):
    deaf = "signal.signal(signal.SIGTERM, lambda *_: say('deaf'))\n    VERSION"
    server = supervise(
        BOTH[interface].replace("VERSION", deaf, 1), "--interface", interface, "--workers", "2"
    )
    with Hammer(server.port) as hammer:
        server.reload()
        hammer.goes_on()
    assert server.stop() == 0
    assert "has not stopped in time" not in server.log


def test_a_worker_that_somebody_ends_is_replaced(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    [ended, other] = server.workers
    with Hammer(server.port) as hammer:
        os.kill(ended, signal.SIGTERM)
        wait_until(lambda: len(hammer.workers - {ended, other}) == 1, "another takes its place")
        wait_until(lambda: not is_alive(ended), "it ends")
        hammer.goes_on()
    assert server.stop() == 0


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])
def test_while_it_starts(begin, preload):
    source = "import os, time\nos.write(1, b'importing\\n')\ntime.sleep(1000)\n"
    server = begin(source, "--workers", "2", *preload)
    server.wait_for("importing")
    server.signal(signal.SIGTERM)
    began = time.monotonic()
    server.wait()
    assert time.monotonic() - began < 15
    assert server.group() == []


def test_a_unix_socket_is_removed_at_the_end(supervise):
    server = supervise(ASGI, "--bind", "unix:socket", "--workers", "2")
    path = server.folder / "socket"
    with Hammer(str(path)) as hammer:
        first = set(server.workers)
        server.reload()
        wait_until(lambda: not first & set(server.workers), "the old workers have gone")
        hammer.goes_on()
        os.kill(server.workers[0], signal.SIGKILL)
        server.wait_for_ready(5)
        # Whoever is answered again has noted what failed.
        hammer.goes_on()
        hammer.forget_failures()
        hammer.goes_on()
        assert path.is_socket()
    assert server.stop() == 0
    assert not path.exists()


def test_without_a_supervisor_one_process_serves(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--no-supervisor")
    assert int(server.get("/echo").split()[1]) == server.supervisor
    assert server.group() == [server.supervisor]
    assert server.stop() == 0


def test_without_a_supervisor_there_is_one_worker_whatever_is_asked_for(supervise):
    server = supervise(ASGI, "--no-supervisor", "--workers", "2", "--preload")
    server.wait_for("WARNING: --workers has no effect")
    server.wait_for("WARNING: --preload has no effect")
    assert server.group() == [server.supervisor]
    assert server.stop() == 0


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_port_is_free_although_a_worker_stands_still(supervise, interface):
    """Its supervisor was killed, and nobody else would end it."""
    # In C, with the interpreter's lock.
    source = BOTH[interface].replace("time.sleep(", "__import__('ctypes').PyDLL(None).sleep(")
    assert source != BOTH[interface]
    server = supervise(source, "--interface", interface, "--graceful-timeout", "1s")
    with Client(server.port) as client:
        client.begin("GET", "/block")
        server.wait_for("^blocking")
        [worker] = server.workers
        os.kill(server.supervisor, signal.SIGKILL)
        wait_until(lambda: refuses(server.port), "nobody listens any more")
        wait_until(lambda: not is_alive(worker), "the worker is ended")


@pytest.mark.parametrize(
    "before",
    ["async def lifespan(receive, send):\n", 'say("shutdown", os.getpid())\n'],
    ids=["start-up", "shutdown"],
)
def test_a_lifespan_that_hangs_does_not_outlive_the_supervisor(supervise, before):
    server = supervise(ASGI, "--graceful-timeout", "0s")
    hangs = ASGI.replace(before, f"{before}        say('hangs', os.getpid())\n        time.sleep(1000)\n")
    assert hangs != ASGI
    server.change(hangs)
    server.signal(signal.SIGHUP)
    server.wait_for("reload is through" if "shutdown" in before else r"^hangs \d+")
    workers = server.workers
    os.kill(server.supervisor, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(worker) for worker in workers), "all are ended")
    assert "\nhangs " in server.log
    assert refuses(server.port)


FORKING_HOOK = """
import os, time

def fork():
    if os.fork() == 0:
        time.sleep(1000)
"""


def test_what_a_hook_has_forked_is_not_taken_for_the_supervisor(supervise, tmp_path):
    (tmp_path / "forking.py").write_text(FORKING_HOOK)
    server = supervise(ASGI, "--when-ready", "forking:fork", "--workers", "2")
    workers = [pid for pid in server.workers if name(pid).startswith("yett-worker")]
    assert len(workers) == 2
    os.kill(server.supervisor, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(worker) for worker in workers), "the workers end")


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])
def test_an_import_that_hangs_does_not_outlive_the_supervisor(supervise, preload):
    server = supervise(ASGI, *preload)
    server.change("import os\nprint('hangs', os.getpid(), flush=True)\n" + "import time\ntime.sleep(1000)\n")
    server.signal(signal.SIGHUP)
    hangs = int(server.wait_for(r"^hangs (\d+)")[1])
    os.kill(server.supervisor, signal.SIGKILL)
    wait_until(lambda: not is_alive(hangs), "it is ended")
