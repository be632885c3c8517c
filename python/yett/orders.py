"""What a process that serves is told to do, and waiting for it.

``retire``: another worker takes over; finish what runs, streams included. ``drain``: the server stops; finish what
runs. ``quick``: the server stops now.
"""

import selectors
from collections.abc import Callable
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
        with selectors.DefaultSelector() as selector:
            selector.register(self._source.fileno(), selectors.EVENT_READ)
            while selector.select(seconds):
                if self.look():
                    return True
                if seconds is not None:
                    # Something weaker: rare, and then somebody waits a little longer.
                    continue
        return False
