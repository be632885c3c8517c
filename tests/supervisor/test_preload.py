"""--preload: one process imports the application, and the workers are forked from it."""

import os
import signal
import time

import pytest

from support.hammer import Hammer
from support.processes import children, is_alive, name
from support.supervised import BOTH
from support.wait import wait_until

COUNTED = """import gc
    with open("imports", "a") as file:
        file.write(f"{os.getpid()} ")
    VERSION"""


def counted(
    interface: str, answer: str = "return repr((gc.isenabled(), gc.get_freeze_count() > 0)).encode()"
):
    """An application that notes each import, and answers what is asked for."""
    return BOTH[interface].replace("VERSION", COUNTED, 1).replace('return b""', answer)


def imports(server) -> list[int]:
    """The processes that have imported the application, in their order."""
    return [int(pid) for pid in (server.folder / "imports").read_text().split()]


def zygote(server) -> int:
    [pid] = [pid for pid in children(server.supervisor) if name(pid) == "yett-zygote"]
    return pid


def test_it_is_imported_once_for_each_reload(supervise, interface):
    server = supervise(counted(interface), "--interface", interface, "--workers", "3", "--preload")
    first = zygote(server)
    assert imports(server) == [first]
    # The supervisor's own, so that it learns at once when one of them ends.
    assert len(server.workers) == 3
    [killed, *_] = server.workers
    os.kill(killed, signal.SIGKILL)
    server.wait_for_ready(4)
    server.signal(signal.SIGTTIN)
    server.wait_for_ready(5)
    assert imports(server) == [first]
    server.reload()
    wait_until(lambda: name(first) == "", "the zygote of the old code ends")
    assert imports(server) == [first, zygote(server)]
    assert server.stop() == 0
    assert server.group() == []


def test_without_it_each_worker_imports(supervise, interface):
    server = supervise(counted(interface), "--interface", interface, "--workers", "2")
    assert sorted(imports(server)) == sorted(server.workers)
    assert server.stop() == 0


def test_the_garbage_collector_leaves_alone_what_was_imported(supervise, interface):
    server = supervise(counted(interface), "--interface", interface, "--preload")
    assert server.get("/collector") == b"(True, True)"
    assert server.stop() == 0


def test_threads_of_the_import_are_warned_of(supervise, interface):
    thread = 'import threading; threading.Thread(target=time.sleep, args=(1000,), name="poller", daemon=True).start()'
    source = BOTH[interface].replace("VERSION", f"{thread}\n    VERSION", 1)
    server = supervise(source, "--interface", interface, "--preload")
    server.wait_for("WARNING: the application has started threads while it was imported.*: poller ")
    assert server.stop() == 0


def test_a_zygote_that_is_killed(supervise, interface):
    server = supervise(counted(interface), "--interface", interface, "--workers", "2", "--preload")
    workers, killed = server.workers, zygote(server)
    with Hammer(server.port) as hammer:
        os.kill(killed, signal.SIGKILL)
        server.wait_for(rf"ERROR: zygote \(pid {killed}\) was killed by signal 9 \(SIGKILL\)")
        wait_until(lambda: len(imports(server)) == 2, "another one imports")
        hammer.goes_on()
        assert server.workers == workers
        hammer.stop()
        os.kill(workers[0], signal.SIGKILL)
        server.wait_for_ready(3)
        server.reload()
    assert server.stop() == 0
    assert server.group() == []


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])
def test_what_is_random_differs_between_workers(supervise, interface, preload):
    answer = "return f'{random.random()} {uuid.uuid4()} {secrets.token_hex()} {tempfile.mktemp()}'.encode()"
    source = BOTH[interface].replace('return b""', answer)
    source = source.replace(
        "VERSION", "import random, secrets, tempfile, uuid\n    random.random()\n    VERSION", 1
    )
    log = ("--access-log", "access", "--access-log-format", "%(L)s", "--interface", interface)
    server = supervise(source, "--workers", "4", *log, *preload)
    seen: set[str] = set()
    for _ in range(40):
        values = server.get("/random").decode().split()
        assert not seen & set(values)
        seen |= set(values)
    assert server.stop() == 0


def forked_by(zygote_holds: str, worker_holds: str = "False") -> str:
    """An application whose zygote, or its grandchildren, stand still after a fork as long as it says."""
    hold = f"""VERSION = "1"
    ZYGOTE = os.getpid()

    def in_parent():
        while os.getpid() == ZYGOTE and {zygote_holds}:
            time.sleep(0.01)

    def in_child():
        if os.path.exists("hold") and os.getppid() != ZYGOTE:
            say("forked", os.getpid())
        while os.getppid() != ZYGOTE and {worker_holds}:
            time.sleep(0.01)

    os.register_at_fork(after_in_parent=in_parent, after_in_child=in_child)
"""
    return BOTH["asgi"].replace('VERSION = "1"\n', hold, 1)


def test_a_worker_that_a_killed_zygote_has_not_told_of_is_known(supervise):
    server = supervise(forked_by("os.path.exists('hold')"), "--preload")
    killed = zygote(server)
    (server.folder / "hold").touch()
    server.signal(signal.SIGTTIN)
    forked = int(server.wait_for(r"^forked (\d+)")[1])
    wait_until(lambda: name(forked) == "yett-worker-1", "it begins to work")
    os.kill(killed, signal.SIGKILL)
    (server.folder / "hold").unlink()
    server.wait_for(rf"worker 2 \(pid {forked}\) is ready")
    assert forked in server.wait_for_workers(2)
    assert server.stop() == 0
    assert server.group() == []


def test_a_worker_that_comes_too_late_ends(supervise):
    server = supervise(forked_by("os.path.exists('hold')", "os.path.exists('hold')"), "--preload")
    killed = zygote(server)
    (server.folder / "hold").touch()
    server.signal(signal.SIGTTIN)
    forked = int(server.wait_for(r"^forked (\d+)")[1])
    os.kill(killed, signal.SIGKILL)
    server.wait_for("worker 2 could not be forked: the zygote has ended")
    (server.folder / "hold").unlink()
    wait_until(lambda: not is_alive(forked), "it ends")
    assert forked not in server.wait_for_workers(2)
    assert server.stop() == 0
    assert server.group() == []


ADOPTED_LATE = """
    import time

    def stay():
        # The process between the zygote and its worker, which the supervisor adopts when this one ends.
        while os.getpid() != ZYGOTE and not os.path.exists("begun"):
            time.sleep(0.01)

    ZYGOTE = os.getpid()
    os.register_at_fork(after_in_parent=stay)

    async def lifespan(receive, send):
        open("begun", "w").close()
"""


def test_a_worker_that_is_adopted_late_knows_its_supervisor(supervise):
    """It serves on: one without a supervisor ends the listening of all after two seconds."""
    source = BOTH["asgi"].replace("    async def lifespan(receive, send):\n", ADOPTED_LATE.lstrip("\n"))
    assert "begun" in source
    server = supervise(source, "--preload")
    until = time.monotonic() + 4
    with Hammer(server.port) as hammer:
        wait_until(lambda: time.monotonic() > until, "four seconds")
        hammer.goes_on()
    assert (server.folder / "begun").exists()
    assert server.stop() == 0
