"""Reading another server's command line, without that server being installed."""

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import NoReturn

from .. import suggest
from .report import Given, MigrateError, shown

# Where the words stand that are no options.
_WORDS = "\0words"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MigrateError(message)


class OptionParser:
    """The options of one server: which there are, and which take a value."""

    def __init__(self, peer: str, *, abbreviations: bool = False) -> None:
        """``abbreviations``: options may be shortened as long as they are unambiguous (argparse's own default)."""
        self._peer = peer
        self._spellings: list[str] = []
        self._parser = _Parser(prog=peer, add_help=False, allow_abbrev=abbreviations)
        self._parser.add_argument(_WORDS, nargs="*")

    def add(self, name: str, *spellings: str, optional: str | None = None, several: bool = False) -> None:
        """An option with a value. ``optional``: what it means without; ``several``: it may be repeated."""
        self._note(spellings)
        if optional is not None:
            self._parser.add_argument(*spellings, dest=name, action=_Store, nargs="?", const=optional)
        else:
            self._parser.add_argument(*spellings, dest=name, action=_Append if several else _Store)

    def add_switch(self, name: str, *spellings: str, value: bool = True) -> None:
        """An option without a value."""
        self._note(spellings)
        self._parser.add_argument(*spellings, dest=name, action=_Switch, nargs=0, const=value)

    def parse(self, arguments: Sequence[str]) -> tuple[list[str], dict[str, Given]]:
        """The words that are no options, and the options by name. Raises `MigrateError`."""
        parsed, unknown = self._parser.parse_known_intermixed_args(list(arguments))
        if unknown:
            raise self._unknown(unknown[0])
        values = vars(parsed)
        words = values.pop(_WORDS) or []
        return words, {name: given for name, given in values.items() if given is not None}

    def _note(self, spellings: Iterable[str]) -> None:
        self._spellings += spellings

    def _unknown(self, option: str) -> MigrateError:
        name = option.partition("=")[0]
        near = suggest.near(name, self._spellings)
        return MigrateError(
            f"{self._peer} has no option {name}",
            f"did you mean {suggest.either(near)}?"
            if near
            else f"is the rest a command line of {self._peer}?",
        )


class _Store(argparse.Action):
    def __call__(self, parser, namespace, value, spelling=None) -> None:  # type: ignore[no-untyped-def]
        setattr(namespace, self.dest, Given(self.dest, value, f"{spelling} {shown(self.dest, value)}"))


class _Append(argparse.Action):
    def __call__(self, parser, namespace, value, spelling=None) -> None:  # type: ignore[no-untyped-def]
        before = getattr(namespace, self.dest) or Given(self.dest, [], "")
        text = f"{before.text} {spelling} {shown(self.dest, value)}".lstrip()
        setattr(namespace, self.dest, Given(self.dest, [*before.value, value], text))


class _Switch(argparse.Action):
    def __call__(self, parser, namespace, value, spelling=None) -> None:  # type: ignore[no-untyped-def]
        setattr(namespace, self.dest, Given(self.dest, self.const, str(spelling)))


def with_long_options(
    peer: str,
    options: Iterable[str],
    *,
    switches: Sequence[str],
    pairs: Sequence[str],
    several: Sequence[str],
) -> OptionParser:
    """A parser of options that are all long, as click makes them.

    ``switches`` have no value; ``pairs`` also exist as ``--no-…``; ``several`` may be repeated.
    """
    parser = OptionParser(peer)
    for option in options:
        if option in switches or option in pairs:
            parser.add_switch(option, option)
        else:
            parser.add(option, option, several=option in several)
    for option in pairs:
        parser.add_switch(option, f"--no-{option.removeprefix('--')}", value=False)
    return parser


def one_application(peer: str, words: Sequence[str]) -> Given | None:
    """The only word of a command line, if there is one. Raises `MigrateError`."""
    if len(words) > 1:
        raise MigrateError(f"{peer} takes one application, not {' and '.join(words)}")
    return Given("app", words[0], words[0]) if words else None


def set_in_environment(prefix: str) -> list[str]:
    """The names of the variables that begin so, in order."""
    return sorted(name for name in os.environ if name.startswith(prefix))
