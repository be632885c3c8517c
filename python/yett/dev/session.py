"""What the processes of one `yett dev` know together: which code is served, and what keeps newer code from loading.

It is a small file in a folder of its own, replaced as a whole, so that nobody reads half of it, and watched by those
who want to know at once. The supervisor makes it before it forks anybody, and removes it at the end.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple, TypedDict

from .. import _core

STATE = "state"
# News go to browsers soon: one change of the state is one event, or two.
_QUIET_SECONDS = 0.02


class Error(TypedDict):
    """Why the newest code does not load. ``page``: its page, with `NONCE` where the nonce belongs."""

    id: str
    title: str
    text: str
    page: str


class State(NamedTuple):
    """``generation``: when the newest code was read, in milliseconds; later code has a larger one.

    ``serving``: the processes in which an application has started up.
    """

    generation: int
    error: Error | None
    serving: list[int]


class Session:
    """Made once, before the first fork."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self.folder = tempfile.mkdtemp(prefix="yett-dev-")
        self._write(State(now(), None, []))

    def state(self) -> State:
        """What is known now. Once the folder has been removed, or for another user: nothing that matters."""
        try:
            with open(os.path.join(self.folder, STATE), encoding="utf-8") as file:
                return State(*json.load(file))
        except OSError:
            return State(0, None, [])

    def reloading(self) -> None:
        """The code has changed: who reads it from now on has a newer generation."""
        with self._changing() as state:
            self._write(state._replace(generation=max(now(), state.generation + 1)))

    def failed(self, title: str, text: str, page: str) -> Error:
        """The newest code does not load."""
        error = Error(id=str(time.time_ns()), title=title, text=text, page=page)
        with self._changing() as state:
            self._write(state._replace(error=error))
        return error

    def started(self, *, is_whole: bool) -> None:
        """This process serves. ``is_whole``: the application itself, and not a page that says why it does not."""
        with self._changing() as state:
            serving = [*_alive(state.serving), os.getpid()] if is_whole else state.serving
            self._write(state._replace(error=None if is_whole else state.error, serving=serving))

    def others_serve(self) -> bool:
        """Whether requests are answered by some other process if this one cannot."""
        return any(pid != os.getpid() for pid in _alive(self.state().serving))

    def watch(self) -> _core.Watcher:
        """Tells when the state has changed."""
        return _core.Watcher([self.folder], [STATE], [], quiet=_QUIET_SECONDS, latest=_QUIET_SECONDS * 5)

    def close(self) -> None:
        """Remove everything, if this process has made it."""
        if os.getpid() == self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[State]:
        # One at a time: what another has just written would be lost.
        try:
            lock = open(os.path.join(self.folder, "lock"), "a")
        except OSError:
            # The server has ended; a worker that is still being started does not matter any more.
            yield State(0, None, [])
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.state()

    def _write(self, state: State) -> None:
        path = os.path.join(self.folder, STATE)
        new = f"{path}.{os.getpid()}"
        try:
            with open(new, "w", encoding="utf-8", errors="backslashreplace") as file:
                json.dump(state, file)
            os.replace(new, path)
        except OSError:
            pass  # as above


def now() -> int:
    """A generation: JavaScript's numbers hold milliseconds, nanoseconds they do not."""
    return time.time_ns() // 1_000_000


def _alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            found.append(pid)
    return found
