"""A new supervisor in the place of this one, with the same listeners (SIGUSR2).

The old one starts the program as it is on disk now. The new one finds in its environment which descriptors it has
inherited, and says over a pipe when all its workers are ready; only then the old one stops. If the new one ends before,
the old one goes on as if nothing had been.
"""

import contextlib
import json
import os
import select
import sys
from typing import Any

from . import _core, process, systemd

_VARIABLE = "YETT_SUCCESSION"
_READY = b"ready\n"


class Successor:
    """The new supervisor, as the old one sees it. Raises `OSError` if it cannot be started."""

    def __init__(self, listeners: list[_core.Listener], passed: bool) -> None:
        """``passed``: the listeners are systemd's, and no addresses of the settings."""
        self._reader, writer = os.pipe()
        try:
            os.set_blocking(self._reader, False)
            self._heard = b""
            self._ended = False
            #: Under which number the supervisor watches it.
            self.watched: int | None = None
            inherited = [(listener.fileno(), listener.named) for listener in listeners]
            plan = {
                "ready": writer,
                "pipe": _identity(writer),
                "listeners": inherited,
                "passed": passed,
                "parent": os.getpid(),
            }
            environment = {**os.environ, **systemd.environment(), _VARIABLE: json.dumps(plan)}
            for descriptor in [writer, *(listener.fileno() for listener in listeners)]:
                os.set_inheritable(descriptor, True)
            #: Its process.
            self.pid = _spawn(environment)
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            for listener in listeners:
                os.set_inheritable(listener.fileno(), False)
            os.close(writer)

    def fileno(self) -> int:
        """Becomes readable when there is news."""
        return self._reader

    def is_ready(self) -> bool:
        """Whether it has said that it serves."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._reader, 64):
                self._heard += data
            self._ended = True
        return self._heard == _READY

    def is_silent(self) -> bool:
        """Whether it will say nothing more."""
        return self._ended

    def close(self) -> None:
        """Forget it."""
        os.close(self._reader)


def _spawn(environment: dict[str, str]) -> int:
    # The same interpreter with the same arguments, from where it was started.
    program = [sys.executable, *sys.orig_argv[1:]]
    with process.at_the_start():
        return os.posix_spawn(sys.executable, program, environment)


def _identity(descriptor: int) -> list[int] | None:
    """What tells an open file from all others; None if there is none."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return [found.st_dev, found.st_ino]


class Succession:
    """What this process has inherited from the supervisor before it."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._ready: int | None = plan["ready"]
        os.set_inheritable(plan["ready"], False)
        #: Descriptors that listen already, each with N if it is what the settings call ``fd://N``.
        self.listeners: list[tuple[int, int | None]] = [(fd, named) for fd, named in plan["listeners"]]
        for descriptor, _ in self.listeners:
            os.set_inheritable(descriptor, False)
        #: They are systemd's, and no addresses of the settings.
        self.passed: bool = bool(plan.get("passed"))
        #: The process of the one before.
        self.parent: int = plan["parent"]

    @classmethod
    def inherited(cls) -> "Succession | None":
        """What the environment tells, once: applications and what they start are not to find it."""
        text = os.environ.pop(_VARIABLE, None)
        if text is None:
            return None
        try:
            plan = json.loads(text)
            # Another pipe, or none: left over in the environment of a process that the old one has not started itself.
            # Who our parent is does not tell: the old one may have ended meanwhile.
            return cls(plan) if _identity(plan["ready"]) == plan["pipe"] else None
        except (ValueError, KeyError, TypeError, OSError) as error:
            _core.write_log("warning", f"{_VARIABLE} is not understood and ignored: {error}")
            return None

    def close_descriptors(self) -> None:
        """They have been used, or nobody wants them."""
        for descriptor, _ in self.listeners:
            os.close(descriptor)
        self.listeners = []

    def fileno(self) -> int:
        """Has an error when the old supervisor has ended; -1 after `complete`."""
        return -1 if self._ready is None else self._ready

    def is_abandoned(self) -> bool:
        """Whether the old supervisor has ended, and has not heard that this one serves."""
        if self._ready is None:
            return False
        poll = select.poll()
        # Only that nobody reads any more.
        poll.register(self._ready, 0)
        return bool(poll.poll(0))

    def complete(self) -> None:
        """Tell the old supervisor that this one serves."""
        if self._ready is None:
            return
        with contextlib.suppress(OSError):
            os.write(self._ready, _READY)
        os.close(self._ready)
        self._ready = None
