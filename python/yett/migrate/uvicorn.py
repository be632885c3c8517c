"""A command line of Uvicorn."""

import os
from collections.abc import Callable, Sequence

from . import equivalents, options
from .report import Given, Report
from .values import seconds, size, split, whole

PEER = "uvicorn"
SWITCHES = ("--reload", "--http2", "--version", "--reset-contextvars", "--factory")
PAIRS = ("--access-log", "--use-colors", "--proxy-headers", "--server-header", "--date-header")
SEVERAL = ("--reload-dir", "--reload-include", "--reload-exclude", "--header")
_INTERFACES = {"asgi3": "asgi", "asgi2": "asgi"}
_LEVELS = {"critical": "error", "trace": "debug"}
_LOOPS = ("auto", "asyncio", "uvloop")
_HOST, _PORT = "127.0.0.1", 8000
# What of several is taken, best first.
_PLACES = ("--uds", "--fd", "--host", "--port")


def parser() -> options.OptionParser:
    """The options of ``uvicorn``."""
    known = equivalents.options(PEER)
    return options.with_long_options(PEER, known, switches=SWITCHES, pairs=PAIRS, several=SEVERAL)


def migrate(arguments: Sequence[str]) -> Report:
    """What ``uvicorn ARGUMENTS`` becomes. Raises `MigrateError`."""
    words, given = parser().parse(arguments)
    report = Report("Uvicorn")
    _application(options.one_application(PEER, words), given, report)
    _bind(given, report)
    convert = {
        "--backlog": whole,
        "--interface": lambda option: _INTERFACES.get(option.value, option.value),
        "--lifespan": lambda option: option.value,
        "--root-path": lambda option: option.value,
        "--log-level": lambda option: _LEVELS.get(option.value, option.value),
        "--access-log": lambda option: "-" if option.value else "off",
        "--server-header": lambda option: option.value,
        "--timeout-keep-alive": seconds,
        "--timeout-graceful-shutdown": seconds,
        "--h11-max-incomplete-event-size": lambda option: size(whole(option)),
        "--workers": whole,
        "--limit-max-requests": lambda option: whole(option) or "off",
        "--limit-max-requests-jitter": whole,
        "--timeout-worker-healthcheck": seconds,
        "--reload-include": lambda option: ["*.py", *split(option.value)],
        "--reload-exclude": lambda option: split(option.value),
    }
    special: dict[str, Callable[[Given, Report], None]] = {
        "--loop": _loop,
        "--proxy-headers": lambda option, report: _proxies(given, report),
        "--forwarded-allow-ips": lambda option, report: _proxies(given, report),
        "--date-header": _date_header,
        **dict.fromkeys((*_PLACES, "--factory", "--app-dir"), _done),
    }
    equivalents.apply(PEER, given, report, convert, equivalents.with_report(special, report))
    _remark_on_differences(given, report)
    return report


def _done(option: Given, report: Report) -> None:
    """Said already, with another option."""


def _application(app: Given | None, given: dict[str, Given], report: Report) -> None:
    if app is None:
        return
    target, text, comment = str(app.value), app.text, None
    if folder := given.get("--app-dir"):
        module, colon, attribute = target.partition(":")
        path = os.path.join(folder.value, *module.split(".")) + ".py"
        if os.path.isfile(path):
            target = path + colon + attribute
            comment = "Named by its file, whose folder can be imported from."
        else:
            report.lack(folder, equivalents.unmatched(PEER)[folder.name])
        text += f" {folder.text}"
    if factory := given.get("--factory"):
        target += "()"
        text += f" {factory.text}"
    report.name_app(target, Given("app", target, text), comment)


def _bind(given: dict[str, Given], report: Report) -> None:
    places = [given[name] for name in _PLACES if name in given]
    if not places:
        return
    first = places[0]
    if first.name == "--uds":
        report.carry("bind", [f"unix:{first.value}"], first)
        report.carry(
            "unix_mode", "666", first, "Uvicorn lets everybody on the machine connect, which is kept here."
        )
    elif first.name == "--fd":
        report.carry("bind", [f"fd://{whole(first)}"], first)
    else:
        host = given["--host"].value if "--host" in given else _HOST
        port = whole(given["--port"]) if "--port" in given else _PORT
        text = " ".join(place.text for place in places)
        report.carry("bind", [address(host, port)], Given("--host", "", text))


def address(host: str, port: int) -> str:
    """Host and port as Yett writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host or '0.0.0.0'}:{port}"


def _loop(option: Given, report: Report) -> None:
    if option.value in _LOOPS:
        report.carry("loop", option.value, option)
    else:
        report.lack(option, "Yett has asyncio and uvloop.")


def _date_header(option: Given, report: Report) -> None:
    if not option.value:
        report.lack(option, equivalents.unmatched(PEER)[option.name])


def _proxies(given: dict[str, Given], report: Report) -> None:
    switch, allowed = given.get("--proxy-headers"), given.get("--forwarded-allow-ips")
    if switch is not None and not switch.value:
        report.carried.pop("trusted_proxies", None)
        report.carry("trusted_proxies", ["none"], switch)
    elif allowed is None:
        assert switch is not None
        report.remark(
            "Yett believes proxies as well by default, on loopback and on unix sockets; see trusted_proxies.",
            switch,
        )
    elif "trusted_proxies" not in report.carried:
        report.carry("trusted_proxies", split(allowed.value) or ["none"], allowed)


def _remark_on_differences(given: dict[str, Given], report: Report) -> None:
    if "--access-log" not in given:
        report.remark(
            'Uvicorn writes an access log to standard output by default; Yett does with access_log = "-".'
        )
    if "--timeout-graceful-shutdown" not in given:
        report.remark(
            "Told to stop, Uvicorn waits for running requests without limit; Yett for graceful_timeout, 30s."
        )
    if "--limit-max-requests" in given and "--workers" not in given:
        report.remark("Uvicorn's only process ends after so many requests; Yett replaces its worker.")
    if "--workers" not in given and (number := os.environ.get("WEB_CONCURRENCY")):
        report.carry(
            "workers",
            whole(variable := Given("--workers", number, f"the variable WEB_CONCURRENCY={number}")),
            variable,
        )
    if "FORWARDED_ALLOW_IPS" in os.environ and "--forwarded-allow-ips" not in given:
        report.remark(
            "The variable FORWARDED_ALLOW_IPS is set, which Yett does not read: see trusted_proxies."
        )
    if names := options.set_in_environment("UVICORN_"):
        report.remark(
            f"Yett does not read {', '.join(names)} of the environment; its own variables begin with YETT_."
        )
