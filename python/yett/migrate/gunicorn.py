"""What Gunicorn's settings become. The names are those of a ``gunicorn.conf.py``."""

import os
import re
from collections.abc import Mapping
from typing import Any

from . import equivalents, gunicorn_application
from .report import Given, Report
from .values import flag, seconds, size, split, whole

PEER = "gunicorn"
_LEVELS = {"critical": "error", "warn": "warning", "trace": "debug"}
_UNDERSCORES = {"drop": "drop", "refuse": "drop", "dangerous": "allow"}
# Yett's bounds, where they are narrower than Gunicorn's.
_MOST_FIELDS = 10_000
_LEAST_SIZE = 256
# What Gunicorn recognises by default and Yett as well.
_SAME_SCHEME = {"X-FORWARDED-PROTO": "https"}
_DEFAULT_BIND = "127.0.0.1:8000"
_DEFAULT_PEERS = ["127.0.0.1", "::1"]
_SCHEME_ONLY = (
    "Gunicorn believes the scheme only. Add x-forwarded-for for the client's address in REMOTE_ADDR."
)
_UNIX_TRUSTED = "Gunicorn always trusts unix sockets; in Yett that is said by `unix`."


def translate(given: Mapping[str, Given]) -> Report:
    """The report on these settings, in their order. Raises `MigrateError` for a value that cannot be one."""
    return _Translation({**_from_environment(), **given}).report


def _from_environment() -> dict[str, Given]:
    """The defaults that Gunicorn takes from the environment."""
    values = {
        "bind": ("PORT", "0.0.0.0:{}"),
        "workers": ("WEB_CONCURRENCY", "{}"),
        "forwarded_allow_ips": ("FORWARDED_ALLOW_IPS", "{}"),
    }
    return {
        name: Given(name, form.format(value), f"the variable {variable}={value}")
        for name, (variable, form) in values.items()
        if (value := os.environ.get(variable))
    }


class _Translation:
    def __init__(self, given: Mapping[str, Given]) -> None:
        self.given = given
        self.report = Report("Gunicorn")
        convert = {
            "backlog": whole,
            "asgi_loop": lambda option: option.value or "auto",
            "asgi_lifespan": lambda option: option.value or "auto",
            "root_path": lambda option: option.value or "",
            "loglevel": _level,
            "syslog_facility": lambda option: option.value,
            "workers": whole,
            "max_requests": lambda option: whole(option) or "off",
            "max_requests_jitter": whole,
            "preload_app": lambda option: flag(option.value),
            "pidfile": _text,
            "chdir": _text,
            "user": _text,
            "group": _text,
        }
        special = {
            name.removeprefix("_on_"): getattr(self, name) for name in dir(self) if name.startswith("_on_")
        }
        gunicorn_application.name(given, self.report)
        if "bind" not in given:
            self._default_bind()
        equivalents.apply(PEER, given, self.report, convert, special)
        gunicorn_application.remark_on_differences(given, self.report)

    def _value(self, name: str, default: Any = None) -> Any:
        return self.given[name].value if name in self.given else default

    # ---- The application: `gunicorn_application` has said it ----

    def _on_wsgi_app(self, option: Given) -> None:
        pass

    _on_paste = _on_wsgi_app

    def _on_worker_class(self, option: Given) -> None:
        gunicorn_application.interface(option, self.report)

    def _on_threads(self, option: Given) -> None:
        if gunicorn_application.is_threaded(self.given):
            self.report.carry("threads", whole(option), option)
        else:
            self.report.remark("With this worker it has no effect in Gunicorn.", option)

    # ---- Where to listen ----

    def _on_bind(self, option: Given) -> None:
        addresses = [option.value] if isinstance(option.value, str) else list(option.value or [])
        if addresses:
            self._bind([_address(str(address)) for address in addresses], option)
        else:
            self._default_bind()

    def _default_bind(self) -> None:
        if self._proxy_protocol():
            self._bind([_DEFAULT_BIND], self.given["proxy_protocol"])
        self.report.remark(
            "Where the variable PORT is set, Gunicorn listens on 0.0.0.0 and that port. Yett does not read it: "
            "start it as `yett --bind 0.0.0.0:$PORT`."
        )

    def _bind(self, addresses: list[str], option: Given) -> None:
        prefix = "proxy+" if self._proxy_protocol() else ""
        self.report.carry("bind", [prefix + address for address in addresses], option)
        if any(address.startswith("unix:") for address in addresses) and "umask" not in self.given:
            self.report.carry(
                "unix_mode",
                "666",
                option,
                "Gunicorn lets everybody on the machine connect (its umask is 0), which is kept here. 660 is safer "
                "where the proxy shares the group.",
            )

    def _on_umask(self, option: Given) -> None:
        if any("unix:" in address for address in split(self._value("bind"))):
            self.report.carry("unix_mode", f"{0o777 & ~_mode(option):03o}", option)
        else:
            self.report.remark("It is for unix sockets only, and there is none.", option)

    def _proxy_protocol(self) -> bool:
        value = self._value("proxy_protocol", "off")
        return flag(value) or str(value).lower() in ("auto", "v1", "v2")

    def _on_proxy_protocol(self, option: Given) -> None:
        if self._proxy_protocol():
            self.report.remark(
                "`proxy+` asks for a PROXY protocol header (version 1 or 2) on every connection; Gunicorn also takes "
                "connections without. Give health checks that send none an address of their own.",
                option,
            )

    # ---- Behind a proxy ----

    def _on_forwarded_allow_ips(self, option: Given) -> None:
        if not (self._proxy_protocol() and "proxy_allow_ips" in self.given):
            self._trust(split(option.value), option)

    def _on_proxy_allow_ips(self, option: Given) -> None:
        if not self._proxy_protocol():
            return
        forwarded = self.given.get("forwarded_allow_ips")
        addresses = split(forwarded.value) if forwarded else _DEFAULT_PEERS
        together = list(dict.fromkeys([*addresses, *split(option.value)]))
        self._trust(together, option, "One list in Yett, for forwarding headers and for the PROXY protocol.")

    def _trust(self, addresses: list[str], option: Given, comment: str | None = None) -> None:
        if "*" in addresses:
            self.report.carry("trusted_proxies", ["*"], option, comment)
        else:
            self.report.carry("trusted_proxies", [*addresses, "unix"], option, comment or _UNIX_TRUSTED)
        # With all of them, and "*" as most write it, clients could give themselves an address, a host and a prefix.
        self.report.carry("forwarded_headers", ["x-forwarded-proto"], option, _SCHEME_ONLY)

    def _on_secure_scheme_headers(self, option: Given) -> None:
        headers = {str(name).upper(): value for name, value in dict(option.value or {}).items()}
        if headers and headers != _SAME_SCHEME:
            self.report.lack(option, equivalents.unmatched(PEER)[option.name])

    def _on_header_map(self, option: Given) -> None:
        word = _UNDERSCORES.get(str(option.value).lower())
        if word is not None:
            refused = "Yett drops such fields where Gunicorn refuses the request."
            self.report.carry(
                "underscore_headers", word, option, refused if option.value == "refuse" else None
            )

    # ---- Limits and times ----

    def _on_keepalive(self, option: Given) -> None:
        if whole(option):
            self.report.carry("keep_alive_timeout", seconds(option), option)
        else:
            self.report.remark(
                "Yett always keeps connections for a while; keep_alive_timeout says how long.", option
            )

    def _on_timeout(self, option: Given) -> None:
        self.report.carry("beat_timeout", seconds(option) if whole(option) else "off", option)

    def _on_reload_extra_files(self, option: Given) -> None:
        if files := split(option.value):
            self.report.carry("reload_include", ["*.py", *files], option)

    def _on_graceful_timeout(self, option: Given) -> None:
        self.report.carry("graceful_timeout", seconds(option), option)

    def _on_limit_request_line(self, option: Given) -> None:
        self._limit("limit_request_line", option)

    def _on_limit_request_field_size(self, option: Given) -> None:
        self._limit("limit_field", option)

    def _limit(self, name: str, option: Given) -> None:
        number = whole(option)
        if number == 0:
            self.report.remark(
                "Gunicorn's 0 is no limit; Yett always has one, and keeps its own here.", option
            )
        elif number < _LEAST_SIZE:
            self.report.carry(name, _LEAST_SIZE, option, "The least that Yett takes.")
        else:
            self.report.carry(name, size(number), option)

    def _on_limit_request_fields(self, option: Given) -> None:
        number = whole(option)
        more = "The most that Yett takes." if number > _MOST_FIELDS else None
        if number:
            self.report.carry("limit_fields", min(number, _MOST_FIELDS), option, more)

    # ---- Logs ----

    def _syslog(self) -> str | None:
        """The target of what goes to syslog, if anything does."""
        if not flag(self._value("syslog", False)):
            return None
        address = str(self._value("syslog_addr") or "")
        if path := re.fullmatch(r"unix:/{2}([^#]*)(?:#\w+)?", address):
            return f"syslog:{path[1]}"
        if host := re.fullmatch(r"(?:udp|tcp)://(.+)", address):
            return f"syslog:{host[1]}"
        return "syslog"

    def _on_syslog(self, option: Given) -> None:
        target = self._syslog()
        if target is None:
            return
        self.report.carry("error_log", target, self.given.get("syslog_addr", option))
        if str(self._value("syslog_addr")).startswith("tcp:"):
            self.report.remark("Yett sends to syslog servers by UDP.", self.given["syslog_addr"])
        if not flag(self._value("disable_redirect_access_to_syslog", False)):
            self.report.carry("access_log", target, option)
            self._format()

    def _on_syslog_addr(self, option: Given) -> None:
        if self._syslog() is None:
            self.report.remark("Without `syslog = True` it had no effect.", option)

    def _on_disable_redirect_access_to_syslog(self, option: Given) -> None:
        pass  # `_on_syslog` looks at it

    def _on_errorlog(self, option: Given) -> None:
        if option.value in ("-", "stderr") or self._syslog() is not None:
            return  # Yett's default, or taken by syslog
        if option.value:
            self.report.carry("error_log", option.value, option)

    def _on_accesslog(self, option: Given) -> None:
        if option.value and "access_log" not in self.report.carried:
            self.report.carry("access_log", option.value, option)
            self._format()

    def _format(self) -> None:
        if "access_log_format" not in self.given:
            self.report.carried["access_log"].comments.append(
                "The lines keep the form of Gunicorn's default."
            )
            self.report.carry("access_log_format", "combined", self.report.carried["access_log"].sources[-1])

    def _on_access_log_format(self, option: Given) -> None:
        if option.value:
            self.report.carry("access_log_format", option.value, option)

    # ---- What is off when it is false ----

    def _on_sendfile(self, option: Given) -> None:
        if not flag(option.value):
            self.report.lack(option, equivalents.unmatched(PEER)[option.name])


def _level(option: Given) -> str:
    word = str(option.value).lower()
    return _LEVELS.get(word, word)


def _text(option: Given) -> str:
    """A name, a number or a path; empty where nothing is said."""
    return "" if option.value is None else str(option.value)


def _mode(option: Given) -> int:
    text = option.value
    if isinstance(text, str) and re.fullmatch(r"0\d+", text):
        return int(text, 8)
    return whole(option)


def _address(text: str) -> str:
    """An address as Yett writes it."""
    text = text.strip()
    if path := re.fullmatch(r"unix:(?://)?(.*)", text):
        return f"unix:{path[1]}"
    text = text.removeprefix("tcp://")
    return text or "0.0.0.0:8000"
