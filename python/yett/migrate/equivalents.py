"""Which setting of Yett's an option of another server corresponds to, or why none does: from the settings registry."""

import functools
from collections.abc import Callable, Mapping

from .. import _core
from .report import Given, Report

# What carries an option over whose value needs more than a change of unit.
Special = Callable[[Given], None]
# What turns an option's value into that of the setting which corresponds to it.
Convert = Callable[[Given], object]


@functools.cache
def matched(peer: str) -> Mapping[str, str]:
    """Option → the setting it corresponds to. ``peer``: ``gunicorn``, ``uvicorn`` or ``granian``."""
    return {option: row["name"] for row in _core.registry() for option in row.get(peer, ())}


@functools.cache
def unmatched(peer: str) -> Mapping[str, str]:
    """Option → why no setting corresponds to it. ``peer`` may also be ``uwsgi``."""
    return {entry["option"]: entry["reason"] for entry in _core.elsewhere() if entry["peer"] == peer}


def options(peer: str) -> list[str]:
    """Every option of a server that is known."""
    return [*matched(peer), *unmatched(peer)]


def with_report(acts: Mapping[str, Callable[[Given, Report], None]], report: Report) -> dict[str, Special]:
    """Functions that take the report as well, bound to it."""

    def bound(act: Callable[[Given, Report], None]) -> Special:
        return lambda option: act(option, report)

    return {name: bound(act) for name, act in acts.items()}


def apply(
    peer: str,
    given: Mapping[str, Given],
    report: Report,
    convert: Mapping[str, Convert],
    special: Mapping[str, Special],
) -> None:
    """Put what every option becomes into the report.

    ``special`` options are carried over by a function of their own, those of ``convert`` by changing the value. Of the
    rest, what is switched off or empty asks for nothing, so nothing is said of it.
    """
    settings, reasons = matched(peer), unmatched(peer)
    for name, option in given.items():
        if name in special:
            special[name](option)
        elif name in convert and name in settings:
            report.carry(settings[name], convert[name](option), option)
        elif name in reasons and option.value:
            report.lack(option, reasons[name])
