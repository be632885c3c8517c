"""What systemd is told, if it has started us (`sd_notify(3)`), and the sockets that it passes on (`sd_listen_fds(3)`).

Its variables are read once, at the start, and taken out of the environment: what the application starts is no service.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

from . import _core

# Who tells it, if it wants to be told.
_managers: list[_core.Notifier] = []
# What the environment had of it.
_variables: dict[str, str] = {}


def begin() -> list[int]:
    """Read the environment, and have the functions below tell systemd. The sockets that it has passed on."""
    sockets = _core.passed_sockets()
    try:
        if (manager := _core.Notifier.of_process()) is not None:
            _managers.append(manager)
    except OSError as error:
        _core.write_log("warning", f"systemd cannot be told anything: {error.strerror or error}")
    for name in _core.systemd_variables():
        if (value := os.environ.pop(name, None)) is not None:
            _variables[name] = value
    return sockets


def notifier() -> _core.Notifier | None:
    """Who tells it, if it wants to be told."""
    return _managers[-1] if _managers else None


def environment() -> dict[str, str]:
    """The variables that a process needs which is to be the server in our place (`main_process`)."""
    names = ("NOTIFY_SOCKET", "WATCHDOG_USEC") if _managers else ()
    return {name: value for name, value in _variables.items() if name in names}


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Signs of life from a thread, for a process without a supervisor: they say that Python runs, and no more."""
    manager = notifier()
    interval = manager.watchdog_interval if manager is not None else None
    if manager is None or interval is None:
        yield
        return
    ended = threading.Event()

    def bark() -> None:
        while not ended.wait(interval):
            with contextlib.suppress(OSError):
                manager.watchdog()

    threading.Thread(target=bark, name="yett-watchdog", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def ready() -> None:
    """Requests are answered: after the start, and after a reload."""
    _tell(lambda manager: manager.ready("serving"))


def reloading() -> None:
    """A reload has begun."""
    _tell(lambda manager: manager.reloading("reloading"))


def stopping() -> None:
    """The end has begun."""
    _tell(lambda manager: manager.stopping("finishing what runs"))


def main_process(pid: int) -> None:
    """Another process is the server from now on."""
    _tell(lambda manager: manager.main_pid(pid))


def _tell(say: Callable[[_core.Notifier], None]) -> None:
    manager = notifier()
    if manager is None:
        return
    try:
        say(manager)
    except OSError as error:
        _core.write_log("warning", f"systemd was not told: {error.strerror or error}")
