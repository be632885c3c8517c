"""Threads that are to end, and how long that may take."""

import os
import sys
import threading
import time
from collections.abc import Iterable

from . import _core

# What a cancelled task, or a thread that was told to end, still does on its way out is short, or not worth waiting for.
LAST_WORDS_SECONDS = 1


def join_all(threads: Iterable[threading.Thread], patience: float) -> list[threading.Thread]:
    """Wait ``patience`` seconds for all of ``threads`` together; those that have not ended by then."""
    deadline = time.monotonic() + patience
    threads = list(threads)
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return [thread for thread in threads if thread.is_alive()]


def wait_for_threads(patience: float) -> None:
    """Wait ``patience`` seconds for threads that the application has left at work, then end without them.

    The interpreter by itself would wait without a limit, and the server would never end.
    """
    left = (t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon)
    if busy := join_all(left, patience):
        names = ", ".join(sorted(thread.name for thread in busy))
        _core.write_log("warning", f"threads of the application are still at work and are given up: {names}")
        sys.stdout.flush()
        sys.stderr.flush()
        _core.flush_logs()
        os._exit(0)
