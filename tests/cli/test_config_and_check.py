"""`yett config`, which prints the settings, and `yett check`, which tries them and the application."""

import json
import re
import textwrap

import pytest

from support.command import run_yett
from yett import _core

WRONG_USAGE = 2
NO_APPLICATION = 4
APPLICATIONS = """
    import os

    async def asgi(scope, receive, send):
        with open("called", "w"):
            pass

    def wsgi(environ, start_response):
        return []

    def make():
        return asgi
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "apps.py").write_text(textwrap.dedent(APPLICATIONS))
    return tmp_path


def test_config_prints_every_setting_with_its_origin(folder):
    (folder / "yett.toml").write_text('\nkeep_alive_timeout = "off"\n')
    result = run_yett("config", "apps:asgi", "--head-timeout", "500ms", cwd=folder, env={"YETT_THREADS": "4"})
    assert (result.returncode, result.stderr) == (0, "")
    head, *lines = (re.split(r"  +", line) for line in result.stdout.splitlines())
    assert head == ["setting", "value", "from"]
    rows = {name: (value, origin) for name, value, origin in lines}
    assert list(rows) == ["app", *(row["name"] for row in _core.registry())]
    assert rows["app"] == ("apps:asgi", "APP")
    assert rows["head_timeout"] == ("500ms", "--head-timeout")
    assert rows["threads"] == ("4", "YETT_THREADS")
    assert rows["keep_alive_timeout"] == ("off", "yett.toml:2")
    assert rows["bind"] == ("127.0.0.1:8000", "default")


def test_config_as_json_is_complete_and_can_be_given_back(folder):
    arguments = ["--body-timeout", "off", "--bind", ":1", "--bind", 'unix:a\tb"\x7f', "--root-path", "/ä\\"]
    result = run_yett("config", "--json", *arguments, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told["app"] is None
    rows = told["settings"]
    assert list(rows) == [row["name"] for row in _core.registry()]
    assert all(set(row) == {"value", "text", "from", "where"} for row in rows.values())
    assert rows["bind"]["value"] == ["0.0.0.0:1", 'unix:a\tb"\x7f']
    assert rows["root_path"]["value"] == "/ä\\"
    assert rows["body_timeout"] == {
        "value": False,
        "text": "off",
        "from": "option",
        "where": "--body-timeout",
    }
    again = _core.Settings(**{name: row["value"] for name, row in rows.items()})
    assert (again.bind, again.root_path) == (rows["bind"]["value"], rows["root_path"]["value"])
    for row in _core.registry():  # without any, they are the defaults, as a person writes them
        if row["name"] not in ("body_timeout", "bind", "root_path"):
            assert rows[row["name"]]["text"] == row["default"]


def test_config_needs_no_application_and_loads_none(folder):
    assert run_yett("config", cwd=folder).returncode == 0
    assert run_yett("config", "missing:app", cwd=folder).returncode == 0


def test_config_of_wrong_settings(folder):
    result = run_yett("config", "--threads", "0", cwd=folder)
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    assert "--threads 0" in result.stderr


@pytest.mark.parametrize(
    ("target", "interface"), [("apps:asgi", "an ASGI"), ("apps:wsgi", "a WSGI"), ("apps:make()", "an ASGI")]
)
def test_check_says_that_all_is_well(folder, target, interface):
    result = run_yett("check", target, "--bind", "unix:socket", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"OK: {target} is {interface} application; the settings are valid\n"
    # It neither listened nor called the application, not even for its lifespan.
    assert not (folder / "socket").exists()
    assert not (folder / "called").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing:app"], NO_APPLICATION, "missing"),
        (["apps:agsi"], NO_APPLICATION, "asgi"),
        (["apps:wsgi", "--interface", "asgi"], NO_APPLICATION, "not an ASGI application|asgi"),
        (["apps:asgi", "--threads", "0"], WRONG_USAGE, "--threads 0"),
        (["apps:asgi", "--access-log", "missing/log"], WRONG_USAGE, "missing/log"),
        (["apps:asgi", "more"], WRONG_USAGE, "unexpected argument 'more'"),
        ([], WRONG_USAGE, "no application given"),
    ],
)
def test_check_says_what_is_wrong(folder, arguments, code, message):
    result = run_yett("check", *arguments, cwd=folder)
    assert (result.returncode, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "apps:asgi"],
        ["config"],
        ["--help"],
        ["completions", "bash"],
        ["migrate", "--help"],
        ["migrate", "uvicorn", "apps:asgi"],
    ],
)
def test_a_full_disk_is_told_without_a_traceback(folder, arguments):
    result = run_yett(*arguments, cwd=folder, before=("sh", "-c", 'exec "$0" "$@" >/dev/full'))
    assert result.returncode == 1
    assert result.stderr == "yett: error: cannot write to standard output: No space left on device\n"


def test_check_of_an_application_that_closes_standard_output(folder):
    (folder / "closing.py").write_text("import sys\nsys.stdout.close()\nfrom apps import asgi\n")
    result = run_yett("check", "closing:asgi", cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", [["config"], []])
def test_a_variable_that_is_nearly_right_is_told_to_who_looks_for_it(folder, arguments):
    result = run_yett(*arguments, cwd=folder, env={"YETT_AP": "apps:asgi"})
    assert "the variable YETT_AP is not known (did you mean YETT_APP?)" in result.stderr


def test_check_shows_where_the_import_failed(folder):
    (folder / "broken.py").write_text("value = 1\nvalue / 0\n")
    result = run_yett("check", "broken:app", cwd=folder)
    assert result.returncode == NO_APPLICATION
    assert 'broken.py", line 2' in result.stderr


def test_check_ends_although_the_application_has_started_a_thread(folder):
    (folder / "busy.py").write_text(
        "import threading\nfrom apps import asgi\nthreading.Thread(target=threading.Event().wait).start()\n"
    )
    result = run_yett("check", "busy:asgi", cwd=folder)
    assert result.returncode == 0
    assert result.stdout.startswith("OK: busy:asgi")


def test_an_application_called_like_a_command(folder):
    (folder / "check.py").write_text("from apps import asgi as app\n")
    result = run_yett("check", "check:app", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")


def test_wrong_keywords_are_told_together():
    with pytest.raises(ValueError, match=r"threads: not between 1 and 1024\nlifespan=\"offf\": .*'off'"):
        _core.Settings(threads=0, lifespan="offf")
    with pytest.raises(TypeError, match=r"unknown setting 'bnid' \(did you mean 'bind'\?\)\nthreads: not"):
        _core.Settings(bnid="x", threads=0)


def test_every_setting_can_be_read_and_nothing_else():
    settings = _core.Settings()
    for row in _core.registry():
        assert getattr(settings, row["name"]) is not None
    with pytest.raises(AttributeError, match="bnid"):
        _ = settings.bnid
