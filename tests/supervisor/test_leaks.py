"""Nothing is left: no descriptor, no process, no file, however often workers come and go."""

import os
import signal
from pathlib import Path

import pytest

from support.processes import children, open_targets, state
from support.supervised import BOTH
from support.wait import wait_until


# A hundred together: most of them where workers start soonest.
@pytest.mark.parametrize("way, cycles", [("asgi", 20), ("wsgi --preload", 80)])
def test_after_many_reloads_and_kills(supervise, tmp_path, way, cycles):
    interface, *preload = way.split()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shared = set(os.listdir("/dev/shm"))
    server = supervise(
        BOTH[interface],
        "--interface",
        interface,
        "--workers",
        "2",
        "--pid",
        "pid",
        *preload,
        env={"TMPDIR": str(temporary)},
    )

    def descriptors() -> tuple[list[str], list[str]]:
        return open_targets(server.supervisor), open_targets(server.workers[0])

    files = set(os.listdir(server.folder))
    # What is opened once is opened by now.
    server.reload()
    server.wait_for_workers(2)
    # Supervisor and workers; a zygote that was replaced ends a moment later.
    processes = 3 + len(preload)
    wait_until(lambda: len(server.group()) == processes, "the zygote that was replaced ends")
    before = descriptors()
    reloads = 1
    for cycle in range(cycles):
        if cycle % 16 == 9:
            *_, killed = server.wait_for_workers(2)
            ready = server.log.count(") is ready\n")
            os.kill(killed, signal.SIGKILL)
            server.wait_for_ready(ready + 1)
        else:
            reloads += 1
            server.reload(reloads)
    server.wait_for_workers(2)
    wait_until(lambda: len(server.group()) == processes, "the last ones that were replaced end")
    assert not [pid for pid in children(server.supervisor) if state(pid) == "Z"]
    wait_until(lambda: descriptors() == before, "nothing more is open than before")
    assert set(os.listdir(server.folder)) == files
    assert list(temporary.iterdir()) == []
    assert server.stop() == 0
    assert server.group() == []
    assert not Path(server.folder / "pid").exists()
    # A browser, or processes that an application has started, may be at work for other tests meanwhile.
    left = [name.lower() for name in set(os.listdir("/dev/shm")) - shared]
    assert [name for name in left if "chromium" not in name and not name.startswith("sem.")] == []
