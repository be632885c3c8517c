"""An ``.ini`` file of uWSGI: its usual options."""

import os
import re
import socket

from .. import suggest
from . import equivalents
from .report import Given, MigrateError, Report, shown
from .values import flag, seconds, size, whole

PEER = "uwsgi"
_SECTION = "uwsgi"
# Options that say where to listen, and whether HTTP is spoken there.
_PLACES = {"http": True, "http-socket": True, "socket": False, "uwsgi-socket": False, "s": False}
_SPEAKS_UWSGI = (
    "uWSGI speaks its own protocol here. Yett speaks HTTP: in nginx, `uwsgi_pass` becomes `proxy_pass`, with "
    "proxy_set_header lines for Host and X-Forwarded-For."
)
_MODULES = ("module", "wsgi", "w")
_PASTE = ("paste", "ini-paste", "ini-paste-logged")
_FILES = ("wsgi-file", "file")
_LOGS = ("logto", "logto2", "daemonize", "daemonize2", "logger", "log-syslog", "req-logger")
_SIMPLE = {
    "listen": "backlog",
    "threads": "threads",
    "limit-post": "limit_body",
    "http-keepalive": "keep_alive_timeout",
    "socket-timeout": "body_timeout",
    "worker-reload-mercy": "graceful_timeout",
    "reload-mercy": "graceful_timeout",
    "buffer-size": "limit_head",
    "post-buffering": "request_buffering",
    "chmod-socket": "unix_mode",
    "logformat": "access_log_format",
    "log-format": "access_log_format",
    "disable-logging": "access_log",
    "processes": "workers",
    "workers": "workers",
    "harakiri": "request_timeout",
    "max-requests": "max_requests",
    "max-requests-delta": "max_requests_jitter",
    "max-worker-lifetime": "worker_lifetime",
    "reload-on-rss": "max_rss",
    "evil-reload-on-rss": "max_rss",
    "pidfile": "pid",
    "pidfile2": "pid",
    "safe-pidfile": "pid",
    "safe-pidfile2": "pid",
    "uid": "user",
    "gid": "group",
    "umask": "umask",
    "chdir": "chdir",
    "chdir2": "chdir",
}
_TEXTS = ("pid", "user", "group", "umask", "chdir")
_TIMES = ("keep_alive_timeout", "body_timeout", "graceful_timeout", "request_timeout", "worker_lifetime")
_MIB = 1024 * 1024
_LEAST_HEAD = 1024
_LAZY = ("lazy", "lazy-apps")
_HARAKIRI = (
    "Yett ends the request: 504, and `RequestTimeout` raised in its thread. uWSGI ends the whole worker, and with it "
    "every other request there."
)
_LOG_FORMAT = (
    "uWSGI's names in a log format are other ones than Yett's, which are Gunicorn's: see access_log_format."
)
_SHORT = {
    "p": "processes",
    "M": "master",
    "d": "daemonize",
    "C": "chmod-socket",
    "l": "listen",
    "b": "buffer-size",
}


def migrate(path: str) -> Report:
    """What the file becomes. Raises `MigrateError`."""
    options = read(path)
    report = Report("uWSGI")
    given = {option.name: option for option in options}
    _application(given, report)
    for option in options:
        if not any(f"%({option.name})" in other.text.replace("_", "-") for other in options):
            try:
                _one(option, report)  # the others are names for use in the file
            except MigrateError as error:
                # One value that nobody can read, often a variable of uWSGI's, is no reason to say nothing of the rest.
                report.lack(option, f"It is not understood: {error.message}.")
    _preload(given, report)
    _remark_on_differences(given, report)
    return report


def read(path: str) -> list[Given]:
    """The options of the section ``[uwsgi]``, in their order, repeated ones as often. Raises `MigrateError`."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise MigrateError(f"{path}: {error.strerror}") from None
    options: list[Given] = []
    section, seen = "", False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text[0] in ";#":
            continue
        if heading := re.fullmatch(r"\[([^]]*)\]", text):
            section = heading[1]
            seen = seen or section == _SECTION
        elif section == _SECTION:
            options.append(_option(text, number, path, options))
    if not seen:
        raise MigrateError(f"{path}: no section [uwsgi]", "this reads the .ini files of uWSGI")
    return options


def _option(text: str, line: int, path: str, before: list[Given]) -> Given:
    name, _, value = (part.strip() for part in text.partition("="))
    name = name.replace("_", "-")
    known = {option.name: str(option.value) for option in before}
    value = _expand(value or "true", path, known)
    if name == "env":
        text = f"env = {shown(name, value)}"
    return Given(_SHORT.get(name, name), value, text, line)


def _expand(value: str, path: str, known: dict[str, str]) -> str:
    """``%(option)``, ``$(VARIABLE)`` and the usual of uWSGI's magic variables."""
    full = os.path.abspath(path)
    magic = {
        "d": os.path.dirname(full) + "/",
        "n": os.path.splitext(os.path.basename(full))[0],
        "p": full,
        "s": os.path.basename(full),
        "c": os.path.basename(os.path.dirname(full)),
        "h": socket.gethostname(),
        "k": str(os.cpu_count() or 1),
        "%": "%",
    }
    value = re.sub(r"\$\((\w+)\)", lambda match: os.environ.get(match[1], match[0]), value)
    value = re.sub(r"%\(([^)]+)\)", lambda match: known.get(match[1].replace("_", "-"), match[0]), value)
    return re.sub(r"%([dnpschk%])(?![\w(])", lambda match: magic[match[1]], value)


def _application(given: dict[str, Given], report: Report) -> None:
    attribute = given.get("callable")
    name = attribute.value if attribute else "application"
    if module := next((given[option] for option in _MODULES if option in given), None):
        target = module.value if ":" in module.value else f"{module.value}:{name}"
        report.name_app(target, module)
    elif file := next((given[option] for option in _FILES if option in given), None):
        report.name_app(f"{file.value}:{name}", file)
    elif paste := next((given[option] for option in _PASTE if option in given), None):
        report.name_app(paste.value.removeprefix("config:"), paste)
    elif "mount" in given:
        prefix, _, target = given["mount"].value.partition("=")
        report.name_app(target if ":" in target else f"{target}:{name}", given["mount"])
        if prefix.strip("/"):
            report.carry("root_path", "/" + prefix.strip("/"), given["mount"])


def _one(option: Given, report: Report) -> None:
    name = option.name
    if name in (*_MODULES, *_FILES, "callable", *_PASTE):
        return
    if name == "mount":
        if report.app is None or report.app.sources[0].name != "mount":
            report.lack(option, equivalents.unmatched(PEER)["manage-script-name"])
        return
    if name in _PLACES:
        _listen(option, report)
    elif name in _LOGS:
        _log(option, report)
    elif name in _SIMPLE:
        _simple(option, _SIMPLE[name], report)
    elif name in _LAZY:
        pass  # `_preload` looks at it
    elif (reason := equivalents.unmatched(PEER).get(name)) is not None:
        if option.value.lower() not in ("false", "0", "no"):
            report.lack(option, reason)
    else:
        near = suggest.near(name, [*equivalents.unmatched(PEER), *_SIMPLE, *_PLACES, *_LOGS])
        advice = f" Did you mean {suggest.either(near)}?" if near else ""
        report.lack(option, f"`yett migrate` does not know this option of uWSGI.{advice}")


def _listen(option: Given, report: Report) -> None:
    place = option.value.partition(",")[0].strip()
    if place.startswith("=") or place.isdigit():
        report.lack(
            option, 'A socket that another process opened is named by its descriptor: bind = ["fd://3"].'
        )
        return
    is_path = not re.search(r":\d+$", place)
    before = report.carried["bind"].value if "bind" in report.carried else []
    bind = f"unix:{place}" if is_path else place.removeprefix("*")
    report.carry("bind", [*before, bind], option, None if _PLACES[option.name] else _SPEAKS_UWSGI)


def _log(option: Given, report: Report) -> None:
    if option.name == "log-syslog":
        report.carry("error_log", "syslog", option)
    elif option.name in ("logger", "req-logger"):
        plugin, _, argument = option.value.rpartition(" ")[2].partition(":")
        target = {
            "file": argument,
            "syslog": "syslog",
            "stdio": "-",
            "rsyslog": f"syslog:{argument.partition(',')[0]}",
        }
        if not target.get(plugin):
            report.lack(option, "Yett's logs go to standard error or output, files and syslog.")
        elif option.name == "req-logger":
            report.carry("access_log", target[plugin], option)
        else:
            report.carry("error_log", target[plugin], option)
    else:
        is_daemon = option.name.startswith("daemonize")
        report.carry("error_log", option.value, option)
        if is_daemon:
            report.remark("Yett stays in the foreground; systemd or a container keeps it running.", option)


def _simple(option: Given, name: str, report: Report) -> None:
    if name in _TEXTS:
        report.carry(name, option.value, option)
    elif name == "max_rss":
        if number := whole(option):
            report.carry(name, size(number * _MIB), option)
    elif name == "max_requests":
        report.carry(name, whole(option) or "off", option)
    elif name in _TIMES:
        if (
            option.value == "true" or whole(option) == 0
        ):  # a bare http-keepalive: Yett keeps connections anyway
            return
        report.carry(name, seconds(option), option, _HARAKIRI if name == "request_timeout" else None)
    elif name == "request_buffering":
        report.carry(name, whole(option) > 0, option)
    elif name == "unix_mode":
        report.carry(name, "666" if option.value == "true" else option.value, option)
    elif name == "access_log_format":
        report.lack(option, _LOG_FORMAT)
    elif name == "access_log":
        if flag(option.value):
            report.carry(name, "off", option)
    elif name == "limit_head":
        number = max(whole(option), _LEAST_HEAD)
        report.carry(name, size(number), option, "uWSGI's counts the request as the application sees it.")
    elif name == "limit_body":
        report.carry(name, size(whole(option)) or "off", option)
    else:
        report.carry(name, whole(option), option)


def _preload(given: dict[str, Given], report: Report) -> None:
    """uWSGI imports the application before it forks, unless it is told to be lazy: Yett the other way round."""
    lazy = next((given[name] for name in _LAZY if name in given), None)
    if lazy is not None and flag(lazy.value):
        report.carry("preload", False, lazy)
    elif (workers := report.carried.get("workers")) and workers.value > 1:
        report.carry(
            "preload",
            True,
            workers.sources[-1],
            "uWSGI imports the application once, before it forks, which is kept here.",
        )


def _remark_on_differences(given: dict[str, Given], report: Report) -> None:
    if "threads" not in given:
        report.remark(
            "Without `threads`, uWSGI runs one request at a time in each process. Yett runs up to 16 at a time, in "
            "threads. For an application that is not thread-safe: threads = 1."
        )
    if not {"disable-logging", "req-logger"} & set(given):
        report.remark('uWSGI logs every request by default; Yett does with access_log = "-".')
    if "root_path" in report.carried:
        report.remark("Requests outside the mount point reach the application as well.", given["mount"])
