"""Several workers write one access log."""

import json
import signal

from support.hammer import Hammer
from support.supervised import BOTH
from support.wait import wait_until


def test_no_line_is_lost_or_torn_and_the_file_is_reopened(supervise, interface):
    log = ("--access-log", "access", "--access-log-format", "json")
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "4", *log)
    files = [server.folder / name for name in ("access.1", "access.2", "access")]
    with Hammer(server.port, kept=8, fresh=2, pause=0) as hammer:
        for rotated in files[:2]:
            hammer.goes_on(200)
            files[2].rename(rotated)
            server.signal(signal.SIGUSR1)
            wait_until(files[2].exists, "the log is opened anew")
        hammer.goes_on(200)
        assert len(hammer.workers) == 4
    assert server.stop() == 0
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted(line["path"] for line in lines) == sorted(hammer.answered)
    assert {line["status"] for line in lines} == {200}
