"""What became of each option of the other server."""

from dataclasses import dataclass, field
from typing import Any

# Options whose values may be secrets: they are left out of what is written.
_SECRETS = ("raw_env", "env", "--ssl-keyfile-password")


def shown(name: str, value: Any) -> Any:
    """The value of an option for people: of what may be secret, no more than the variable's name."""
    if name not in _SECRETS:
        return value
    if isinstance(value, (list, tuple)):
        return [shown(name, item) for item in value]
    variable, equals, _ = str(value).partition("=")
    return f"{variable}=…" if equals else "…"


class MigrateError(Exception):
    """The source cannot be read or understood (exit code 2).

    ``message`` is one line, ``hint`` says what to do about it, ``traceback`` shows where the source's own code failed.
    """

    def __init__(self, message: str, hint: str | None = None, traceback: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.traceback = traceback


@dataclass(frozen=True)
class Given:
    """An option as it was given.

    ``name`` is its full name at its server, ``text`` what the person wrote (``-w 4``), ``line`` where, if in a file.
    """

    name: str
    value: Any
    text: str
    line: int = 0


@dataclass
class Carried:
    """A setting of Yett's: its value, the options that it comes from, and what is to be said of it."""

    value: Any
    sources: list[Given]
    comments: list[str] = field(default_factory=list)


@dataclass
class Note:
    """A sentence or two about an option; ``given`` is None where nothing was given."""

    given: Given | None
    text: str


class Report:
    """Everything that there is to say about one migration."""

    def __init__(self, peer: str) -> None:
        """``peer`` is the server's name as people write it."""
        self.peer = peer
        self.app: Carried | None = None
        self.carried: dict[str, Carried] = {}
        self.lacking: list[Note] = []
        self.remarks: list[Note] = []

    def name_app(self, target: str, given: Given, comment: str | None = None) -> None:
        """The application, as Yett names it."""
        self.app = Carried(target, [given], [comment] if comment else [])

    def carry(self, name: str, value: Any, given: Given, comment: str | None = None) -> None:
        """A setting gets a value. Where several options make one setting, the last call has the whole value."""
        before = self.carried.get(name)
        sources = [*before.sources, given] if before else [given]
        comments = list(before.comments) if before else []
        if comment and comment not in comments:
            comments.append(comment)
        self.carried[name] = Carried(value, sources, comments)

    def lack(self, given: Given, reason: str) -> None:
        """An option has no equivalent."""
        self.lacking.append(Note(given, reason))

    def remark(self, text: str, given: Given | None = None) -> None:
        """Something is different in Yett though nothing was asked of it."""
        self.remarks.append(Note(given, text))
