"""Clients that ask without a pause while something else happens to the server."""

import itertools
import threading
from dataclasses import dataclass, field

from .raw import Client, Response
from .wait import wait_until


@dataclass
class Seen:
    """What one client has got."""

    answers: int = 0
    #: Who has answered: version of the code and process.
    by: set[tuple[str, int]] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)


class Hammer:
    """Several connections that are kept as long as the server allows, and several that are new for each request.

    Asks the applications of `support.supervised`, and checks each answer. A connection that is closed without having
    been announced (`Connection: close`) is a failure, too.
    """

    def __init__(self, address: int | str, *, kept: int = 3, fresh: int = 2, pause: float = 0.001) -> None:
        """`pause`: seconds between two requests of a client, which leave the processor to the server."""
        self._address, self._pause = address, pause
        self._stopping = threading.Event()
        self._seen = [Seen() for _ in range(kept + fresh)]
        self._threads = [
            threading.Thread(target=self._ask_on, args=(seen, number < kept, number), daemon=True)
            for number, seen in enumerate(self._seen)
        ]

    def __enter__(self) -> "Hammer":
        for thread in self._threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        self.stop()
        if kind is None:
            assert not self.failures, "\n".join(self.failures)

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words. Empty it if that was meant."""
        return [failure for seen in self._seen for failure in seen.failures]

    @property
    def answers(self) -> int:
        """How many requests have been answered."""
        return sum(seen.answers for seen in self._seen)

    @property
    def answered(self) -> list[str]:
        """What was asked, and answered, if nothing has failed."""
        return [
            f"/echo/{client}/{number}"
            for client, seen in enumerate(self._seen)
            for number in range(seen.answers)
        ]

    @property
    def workers(self) -> set[int]:
        """The processes that have answered."""
        return {pid for seen in self._seen for _, pid in seen.by.copy()}

    @property
    def versions(self) -> set[str]:
        """The versions of the code that have answered."""
        return {version for seen in self._seen for version, _ in seen.by.copy()}

    def forget_failures(self) -> list[str]:
        """Those up to now, which were meant."""
        failures = self.failures
        for seen in self._seen:
            seen.failures.clear()
        return failures

    def goes_on(self, times: int = 3) -> None:
        """Wait until each client has been answered some more times."""
        goals = [seen.answers + times for seen in self._seen]
        wait_until(
            lambda: all(seen.answers >= goal for seen, goal in zip(self._seen, goals, strict=True)),
            f"each client is answered {times} more times",
        )

    def _ask_on(self, seen: Seen, keeps: bool, number: int) -> None:
        client = None
        for count in itertools.count():
            if self._stopping.is_set():
                break
            path = f"/echo/{number}/{count}"
            try:
                client = client or Client(self._address)
                response = client.get(path)
                seen.by.add(_answer(response, path))
                seen.answers += 1
                closes = response.header("connection") == "close"
            except (OSError, EOFError, ValueError, AssertionError) as error:
                kept = "kept" if keeps else "fresh"
                seen.failures.append(f"{path} on a {kept} connection: {type(error).__name__}: {error}")
                closes = True
            if client is not None and (closes or not keeps):
                client.close()
                client = None
            if self._pause:
                self._stopping.wait(self._pause)
        if client is not None:
            client.close()


def _answer(response: Response, path: str) -> tuple[str, int]:
    assert response.status == 200, response
    version, pid, echoed = response.body.decode().split()
    assert echoed == path, f"{echoed} instead of {path}"
    return version, int(pid)
