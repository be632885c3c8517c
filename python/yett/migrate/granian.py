"""A command line of Granian."""

import re
from collections.abc import Callable, Sequence

from . import equivalents, options
from .report import Given, MigrateError, Report
from .uvicorn import address
from .values import milliseconds, seconds, size, split, whole

PEER = "granian"
SWITCHES = ("--version",)
PAIRS = (
    "--ws",
    "--http1-keep-alive",
    "--http1-pipeline-flush",
    "--http2-adaptive-window",
    "--log",
    "--access-log",
    "--ssl-client-verify",
    "--respawn-failed-workers",
    "--factory",
    "--metrics",
    "--reload",
    "--reload-ignore-worker-failure",
)
SEVERAL = (
    "--ssl-crl",
    "--env-files",
    "--static-path-route",
    "--static-path-mount",
    "--reload-paths",
    "--reload-ignore-dirs",
    "--reload-ignore-patterns",
    "--reload-ignore-paths",
)
_LEVELS = {"critical": "error", "warn": "warning", "notset": "debug"}
_LOOPS = ("auto", "asyncio", "uvloop")
_HOST, _PORT = "127.0.0.1", 8000
_MIB = 1024 * 1024
_INTERFACES = ("asgi", "asginl", "wsgi")
_RSGI = "Yett does not speak RSGI, Granian's own interface and its default; serve the application by ASGI or WSGI."
# Granian's names in an access log, and Yett's, which are Gunicorn's.
_ATOMS = {
    "addr": "%(h)s",
    "method": "%(m)s",
    "path": "%(U)s",
    "query_string": "%(q)s",
    "protocol": "%(H)s",
    "status": "%(s)s",
    "dt_ms": "%(M)s",
}


def parser() -> options.OptionParser:
    """The options of ``granian``."""
    known = equivalents.options(PEER)
    return options.with_long_options(PEER, known, switches=SWITCHES, pairs=PAIRS, several=SEVERAL)


def migrate(arguments: Sequence[str]) -> Report:
    """What ``granian ARGUMENTS`` becomes. Raises `MigrateError`."""
    words, given = parser().parse(arguments)
    report = Report("Granian")
    _application(options.one_application(PEER, words), given, report)
    _bind(given, report)
    if "--interface" not in given:
        report.lack(Given("--interface", "", "--interface rsgi (the default)"), _RSGI)
    convert = {
        "--backlog": whole,
        "--log-level": lambda option: _LEVELS.get(option.value, option.value),
        "--url-path-prefix": lambda option: "/" + str(option.value).strip("/"),
        "--http1-buffer-size": lambda option: size(whole(option)),
        "--http1-header-read-timeout": lambda option: milliseconds(whole(option)),
        "--workers-kill-timeout": _duration,
        "--workers": whole,
        "--workers-lifetime": _duration,
        "--workers-max-rss": lambda option: size(whole(option) * _MIB),
        "--working-dir": lambda option: option.value,
        "--pid-file": lambda option: option.value,
    }
    special: dict[str, Callable[[Given, Report], None]] = {
        "--interface": _interface,
        "--blocking-threads": lambda option, report: _threads(option, given, report),
        "--loop": _loop,
        "--uds-permissions": _mode,
        "--http": _http,
        "--ws": _websockets,
        "--access-log": _access_log,
        "--access-log-fmt": lambda option, report: _format(option, given, report),
        **dict.fromkeys(("--reload-ignore-dirs", "--reload-ignore-paths"), _reload_exclude),
        **dict.fromkeys(("--host", "--port", "--uds", "--factory"), _done),
        **dict.fromkeys(("--http1-keep-alive", "--log"), _lack_if_off),
    }
    equivalents.apply(PEER, given, report, convert, equivalents.with_report(special, report))
    if names := options.set_in_environment("GRANIAN_"):
        report.remark(
            f"Yett does not read {', '.join(names)} of the environment; its own variables begin with YETT_."
        )
    return report


def _done(option: Given, report: Report) -> None:
    """Said already, with another option."""


def _lack(option: Given, report: Report) -> None:
    report.lack(option, equivalents.unmatched(PEER)[option.name])


def _lack_if_off(option: Given, report: Report) -> None:
    if not option.value:
        _lack(option, report)


def _application(app: Given | None, given: dict[str, Given], report: Report) -> None:
    if app is None:
        return
    target, text = str(app.value), app.text
    if ":" not in target:
        target += ":app"
    if (factory := given.get("--factory")) and factory.value:
        target += "()"
        text += f" {factory.text}"
    report.name_app(target, Given("app", target, text))


def _bind(given: dict[str, Given], report: Report) -> None:
    if socket := given.get("--uds"):
        report.carry("bind", [f"unix:{socket.value}"], socket)
        return
    places = [given[name] for name in ("--host", "--port") if name in given]
    if places:
        host = given["--host"].value if "--host" in given else _HOST
        port = whole(given["--port"]) if "--port" in given else _PORT
        report.carry(
            "bind", [address(host, port)], Given("--host", "", " ".join(place.text for place in places))
        )


def _interface(option: Given, report: Report) -> None:
    if option.value not in _INTERFACES:
        report.lack(option, _RSGI)
        return
    report.carry("interface", option.value.removesuffix("nl"), option)
    if option.value == "asginl":
        report.carry("lifespan", "off", option)


def _threads(option: Given, given: dict[str, Given], report: Report) -> None:
    if "--interface" in given and given["--interface"].value == "wsgi":
        report.carry("threads", whole(option), option)
    else:
        report.lack(option, "An ASGI application runs in the thread of its event loop.")


def _loop(option: Given, report: Report) -> None:
    if option.value in _LOOPS:
        report.carry("loop", option.value, option)
    else:
        report.lack(option, "Yett has asyncio and uvloop.")


def _mode(option: Given, report: Report) -> None:
    text = str(option.value)
    number = int(text, 8) if re.fullmatch("0[0-7]+", text) else whole(option)
    report.carry("unix_mode", f"{number:03o}", option)


def _http(option: Given, report: Report) -> None:
    if option.value == "2":
        _lack(option, report)


def _websockets(option: Given, report: Report) -> None:
    if option.value:
        _lack(option, report)


def _reload_exclude(option: Given, report: Report) -> None:
    before = report.carried["reload_exclude"].value if "reload_exclude" in report.carried else []
    report.carry("reload_exclude", [*before, *split(option.value)], option)


def _access_log(option: Given, report: Report) -> None:
    report.carry("access_log", "-" if option.value else "off", option)


def _format(option: Given, given: dict[str, Given], report: Report) -> None:
    translated, unknown = translate_format(str(option.value))
    if unknown:
        report.lack(
            option, f"Yett's access log has nothing like {', '.join(unknown)}; see access_log_format."
        )
    else:
        report.carry(
            "access_log_format", translated, option, "The time has the form of the common log format."
        )


def translate_format(text: str) -> tuple[str, list[str]]:
    """A format of Granian's access log as one of Yett's, and which of its names have no counterpart."""
    unknown: list[str] = []

    def atom(match: re.Match[str]) -> str:
        name = match[1]
        if header := re.fullmatch(r"header\{([^}]+)\}", name):
            return f"%({{{header[1].strip().lower()}}}i)s"
        if name not in _ATOMS:
            unknown.append(name)
        return _ATOMS.get(name, "")

    # `%(t)s` has the brackets already.
    text = re.sub(r"\[%\(time\)s\]|%\(time\)s", "%(t)s", text)
    return re.sub(r"%\((?!t\)s)([^)]*)\)[-#0 +\d.]*[a-z]", atom, text), unknown


def _duration(option: Given) -> str:
    """``90``, ``30s`` or ``1h30m`` as seconds. Raises `MigrateError`."""
    text = str(option.value)
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if parts is None or not text:
        raise MigrateError(f"{option.text}: not a duration")
    days, hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return seconds(Given(option.name, ((days * 24 + hours) * 60 + minutes) * 60 + rest, option.text))
