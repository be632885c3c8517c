"""The process that imports the application once, and forks workers that share what it has in memory (``--preload``).

What is said over its channel: `crates/supervisor/src/process/zygote.rs`.
"""

import gc
import os
import signal
import socket
import struct
import threading
from typing import Any

from . import _core, interface, process
from .forking import fork_orphan, heed
from .hooks import Hooks
from .server import import_gateway, load

_RECORD = struct.Struct("=QII")
_READY, _FORKED, _FAILED = range(3)


def run(
    channel: socket.socket, app: Any, settings: _core.Settings, core: _core.Supervisor, hooks: Hooks
) -> tuple[int, int, interface.Application]:
    """Import ``app``, then fork as asked until the supervisor hangs up, which ends the process.

    Returns in workers only: their place in the scoreboard, which one they are, and the application. Raises
    `TargetError`.
    """
    _core.name_process("yett-zygote")
    if settings.error_log == "logging":
        # The supervisor, which has no application, writes to standard error instead.
        _core.open_logs(settings)
    # An import can be interrupted. Later the end of the channel says when to end, also if all of the server's processes
    # are told: the supervisor lets workers finish first.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    core.reopen_on_signal()
    heed()
    # What is garbage after the import is not looked for while it runs, so that no page gets holes that workers fill
    # one by one (the documentation of `gc.freeze`).
    gc.disable()
    process.drop_privileges(settings)
    _core.end_with_parent()
    application = load(app, settings)
    import_gateway(application, settings)
    _warn_of_threads()
    gc.freeze()
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.sendall(_RECORD.pack(0, 0, _READY))
    while request := channel.recv(_RECORD.size, socket.MSG_WAITALL):
        worker, slot, _ = _RECORD.unpack(request)
        try:
            pid = fork_orphan()
        except OSError as error:
            _core.write_log("error", f"cannot fork a worker: {error.strerror}")
            channel.sendall(_RECORD.pack(worker, 0, _FAILED))
            continue
        if pid == 0:
            core.leave()
            channel.close()
            gc.enable()
            return slot, worker, application
        channel.sendall(_RECORD.pack(worker, pid, _FORKED))
    _core.flush_logs()
    os._exit(0)


def _warn_of_threads() -> None:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        _core.write_log(
            "warning",
            "the application has started threads while it was imported, which its workers will not have: "
            f"{', '.join(others)} (start them in the lifespan or in the hook worker_start, or leave out --preload)",
        )
