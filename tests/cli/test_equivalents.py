"""Every option of the other servers has its place in the tables, and the tables name no option that there is not.

What there is, the installed servers say.
"""

import importlib
import re
from pathlib import Path

import granian.cli
import pytest
from gunicorn.config import KNOWN_SETTINGS

from yett import _core
from yett.migrate import equivalents, gunicorn, gunicorn_line, uwsgi
from yett.migrate import granian as granian_line
from yett.migrate import uvicorn as uvicorn_line
from yett.migrate.report import Given

PEERS = ("gunicorn", "uvicorn", "granian")


def click_options(peer):
    command = {"uvicorn": importlib.import_module("uvicorn.main").main, "granian": granian.cli.cli}[peer]
    return [parameter for parameter in command.params if parameter.param_type_name == "option"]


def existing(peer):
    if peer == "gunicorn":
        return [setting.name for setting in KNOWN_SETTINGS]
    return [option.opts[0] for option in click_options(peer)]


@pytest.mark.parametrize("peer", PEERS)
def test_every_option_is_named_exactly_once(peer):
    named = [option for row in _core.registry() for option in row[peer]]
    named += [entry["option"] for entry in _core.elsewhere() if entry["peer"] == peer]
    assert sorted(named) == sorted(existing(peer))


def test_what_has_no_equivalent_has_a_reason():
    entries = _core.elsewhere()
    assert {entry["peer"] for entry in entries} == {*PEERS, "uwsgi"}
    assert all(entry["reason"].endswith(".") for entry in entries)
    assert len({(entry["peer"], entry["option"]) for entry in entries}) == len(entries)


def test_gunicorns_command_line_is_known():
    """Which settings have options, how they are spelled, and which take a value."""
    values = {name: spellings.split() for name, spellings in gunicorn_line.VALUES.items()}
    switches = {name: spellings.split() for name, spellings in gunicorn_line.SWITCHES.items()}
    switches_off = {name: [spelling] for name, spelling in gunicorn_line.SWITCHES_OFF.items()}
    optional = {name: ([spelling], value) for name, (spelling, value) in gunicorn_line.OPTIONAL.items()}
    settings = [setting for setting in KNOWN_SETTINGS if setting.cli]
    with_value = [setting for setting in settings if setting.action in (None, "store", "append")]
    assert values == {setting.name: setting.cli for setting in with_value if setting.nargs is None}
    assert optional == {
        setting.name: (setting.cli, setting.const) for setting in with_value if setting.nargs == "?"
    }
    assert switches == {setting.name: setting.cli for setting in settings if setting.action == "store_true"}
    assert switches_off == {
        setting.name: setting.cli
        for setting in settings
        if setting.action == "store_const" and not setting.const
    }
    assert {setting.name for setting in settings if setting.action == "append"} == gunicorn_line.SEVERAL


@pytest.mark.parametrize(("peer", "line"), [("uvicorn", uvicorn_line), ("granian", granian_line)])
def test_which_options_of_the_others_take_a_value(peer, line):
    options = click_options(peer)
    assert all(option.opts == [option.opts[0]] and option.opts[0].startswith("--") for option in options)
    flags = [option for option in options if option.is_flag]
    assert set(line.SWITCHES) == {option.opts[0] for option in flags if not option.secondary_opts}
    assert set(line.PAIRS) == {option.opts[0] for option in flags if option.secondary_opts}
    assert {f"--no-{name.removeprefix('--')}" for name in line.PAIRS} == {
        name for option in flags for name in option.secondary_opts
    }
    assert set(line.SEVERAL) == {option.opts[0] for option in options if option.multiple}


# A value of each option that the others spell in words; of the rest it is 7.
WORDS = {
    "bind": [":80"],
    "worker_class": "gthread",
    "header_map": "drop",
    "asgi_loop": "uvloop",
    "asgi_lifespan": "off",
    "root_path": "/shop",
    "loglevel": "debug",
    "errorlog": "errors",
    "accesslog": "accesses",
    "access_log_format": "%(h)s",
    "syslog": True,
    "syslog_facility": "local1",
    "proxy_protocol": "v1",
    "forwarded_allow_ips": "10.0.0.1",
    "proxy_allow_ips": "10.0.0.1",
    "syslog_addr": "udp://localhost:514",
    "user": "www-data",
    "group": "www-data",
    "chdir": "src",
    "pidfile": "run.pid",
    "reload_extra_files": ["*.html"],
    "--reload-include": "*.html",
    "--reload-exclude": "tests",
    "--reload-ignore-dirs": "tests",
    "--reload-ignore-paths": "/tests",
    "--working-dir": "src",
    "--pid-file": "run.pid",
    "--host": "::1",
    "--uds": "socket",
    "--uds-permissions": "0660",
    "--interface": "wsgi",
    "--loop": "uvloop",
    "--lifespan": "off",
    "--root-path": "/shop",
    "--url-path-prefix": "/shop",
    "--log-level": "debug",
    "--access-log-fmt": "%(addr)s",
    "--forwarded-allow-ips": "10.0.0.1",
}
# Those that mean nothing without another option.
TOGETHER = {
    "proxy_allow_ips": {"proxy_protocol": "v1"},
    "umask": {"bind": ["unix:socket"]},
    "syslog_addr": {"syslog": True},
    "--blocking-threads": {"--interface": "wsgi"},
}
# Spoken of with the option that it changes.
SILENT = {"disable_redirect_access_to_syslog"}


def spoken_of(peer, name):
    """The names of the options of which the report says something, given this one."""
    values = {**TOGETHER.get(name, {}), name: WORDS.get(name, 7)}
    if peer == "gunicorn":
        report = gunicorn.translate({key: Given(key, value, "") for key, value in values.items()})
    else:
        line = {"uvicorn": uvicorn_line, "granian": granian_line}[peer]
        flags = {*line.SWITCHES, *line.PAIRS}
        report = line.migrate(
            [word for key, value in values.items() for word in [key, str(value)][: 1 + (key not in flags)]]
        )
    sources = [given for carried in report.carried.values() for given in carried.sources]
    notes = [note.given for note in [*report.lacking, *report.remarks] if note.given is not None]
    return {given.name for given in [*sources, *notes]}


@pytest.mark.parametrize("peer", PEERS)
def test_what_has_an_equivalent_becomes_something(peer):
    options = set(equivalents.matched(peer)) - SILENT - {"--port"}  # which is spoken of with the host
    assert [name for name in sorted(options) if name not in spoken_of(peer, name)] == []


def test_the_options_of_uwsgi_that_are_said_to_have_an_equivalent_have_it(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text()
    table = page.partition("\n## uWSGI option by option")[2].partition("without an equivalent")[0]
    rows = re.findall(r"^\| (.*) \| \[?`(\w+)`", table, re.MULTILINE)
    assert len(rows) > 10
    words = {
        "module": "shop",
        "wsgi": "shop",
        "wsgi-file": "shop.py",
        "file": "shop.py",
        "paste": "config:shop.ini",
    }
    words |= {
        "mount": "/shop=shop",
        "chmod-socket": "660",
        "logger": "file:errors",
        "req-logger": "file:accesses",
    }
    words |= {"log-syslog": "true", "disable-logging": "true", "lazy": "true", "lazy-apps": "true"}
    words |= dict.fromkeys(("uid", "gid", "chdir", "chdir2"), "shop")
    words |= dict.fromkeys(("pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2"), "run.pid")
    words |= {"umask": "027"}
    for options, name in rows:
        for option in re.findall("`(.*?)`", options):
            lines = f"[uwsgi]\nmodule = shop\n{option} = {words.get(option, 'x:7' if name == 'bind' else '2000')}\n"
            if name == "app" and option not in ("module", "callable"):
                lines = lines.replace("module = shop\n", "")
            (tmp_path / "uwsgi.ini").write_text(lines)
            report = uwsgi.migrate(str(tmp_path / "uwsgi.ini"))
            found = report.app if name == "app" else report.carried[name]
            assert found is not None
            assert option == "callable" or option in [given.name for given in found.sources]
            assert not report.lacking, option
