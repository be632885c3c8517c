"""What a process that serves is told to do, and waiting for it.

``retire``: another worker takes over; finish what runs, streams included. ``drain``: the server stops; finish what
runs. ``quick``: the server stops now.
"""

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

Order = Literal["retire", "drain", "quick"]

# Each may follow those before it, never the other way round.
_RANKS: dict[Order | None, int] = {None: 0, "retire": 1, "drain": 2, "quick": 3}


#: A client may be sending a request on an idle connection at the very moment when its worker is told to retire. So long
#: it may still arrive, and is answered; whoever sent nothing in that time does not send just then.
LAST_REQUEST_SECONDS = 5


class Source(Protocol):
    """Where orders come from: signals, the supervisor."""

    def fileno(self) -> int:
        """Becomes readable when there is one."""

    def read(self) -> Order | None:
        """The last one, if any has come."""


class Overheard:
    """A source to which somebody else listens as well: ``hear`` is called with each order when it is read."""

    def __init__(self, source: Source, hear: Callable[[Order], None]) -> None:
        self._source = source
        self._hear = hear

    def fileno(self) -> int:
        """That of the source."""
        return self._source.fileno()

    def read(self) -> Order | None:
        """The last order, if any has come."""
        order = self._source.read()
        if order is not None:
            self._hear(order)
        return order


class Orders:
    """Those that have come; for a thread that may wait."""

    def __init__(self, source: Source) -> None:
        self._source = source
        #: The strongest so far.
        self.current: Order | None = None

    def look(self) -> bool:
        """Take note of what has come. Whether it is stronger than what was known."""
        order = self._source.read()
        if _RANKS[order] <= _RANKS[self.current]:
            return False
        self.current = order
        return True

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a stronger one, ``seconds`` at most. Whether it has come.

        In the main thread: the application's own signal handlers run meanwhile.
        """
        end = None if seconds is None else time.monotonic() + seconds
        with selectors.DefaultSelector() as selector, _woken_by_signals(selector):
            selector.register(self._source.fileno(), selectors.EVENT_READ)
            while True:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                for key, _ in selector.select(left):
                    if key.data is not None:
                        key.data()
                if self.look():
                    return True


@contextlib.contextmanager
def _woken_by_signals(selector: selectors.BaseSelector) -> Iterator[None]:
    """While the block runs, ``selector`` wakes when there is a signal handler of Python's to run.

    The system gives a signal to any thread, SIGCHLD first of all to the one that has started the child; the main
    thread, which alone runs handlers, would sleep on.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        try:
            before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        except ValueError:
            # Not the main thread, which runs no handlers.
            yield
            return

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                while ours.recv(4096):
                    pass

        selector.register(ours, selectors.EVENT_READ, drain)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
