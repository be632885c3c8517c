"""`yett migrate`: what other servers were told, as a yett.toml. Each folder in `migrate` is one case.

`arguments` is what comes after `yett migrate`, `environment` has variables, `expected.toml` is the answer. To see what
a change does to all of them: YETT_WRITE_EXPECTED=1 pytest tests/cli/test_migrate.py; git diff.
"""

import json
import os
import shlex
import shutil
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.command import run_python
from yett import _core
from yett.migrate import document, uwsgi
from yett.migrate.command import checked
from yett.migrate.report import Given, MigrateError, Report

CASES = Path(__file__).parent / "migrate"
WRONG_USAGE = 2
# What the other servers read from the environment, which must not come from that of the tests.
FOREIGN = ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "GUNICORN_CMD_ARGS")


def migrate(*arguments, cwd, env=None):
    unset = [f"--unset={name}" for name in FOREIGN if name not in (env or {})]
    return run_python("-m", "yett", "migrate", *arguments, cwd=cwd, env=env, before=("env", *unset))


def copied(case, folder):
    """Where the case can be run, its arguments and its environment."""
    shutil.copytree(case, folder, dirs_exist_ok=True)
    variables = folder / "environment"
    lines = variables.read_text().splitlines() if variables.exists() else []
    return shlex.split((folder / "arguments").read_text()), dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_cases(case, tmp_path):
    arguments, environment = copied(case, tmp_path)
    result = migrate(*arguments, cwd=tmp_path, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    if os.environ.get("YETT_WRITE_EXPECTED"):
        (case / "expected.toml").write_text(result.stdout)
    assert result.stdout == (case / "expected.toml").read_text()
    values = tomllib.loads(result.stdout)
    values.pop("app", None)
    _core.Settings(**values)


def test_defaults_that_gunicorn_takes_from_the_environment(tmp_path):
    environment = {"PORT": "5000", "WEB_CONCURRENCY": "3", "FORWARDED_ALLOW_IPS": "*"}
    result = migrate("gunicorn", "app:app", cwd=tmp_path, env=environment)
    values = tomllib.loads(result.stdout)
    assert values == {
        "app": "app:app",
        "bind": ["0.0.0.0:5000"],
        "trusted_proxies": ["*"],
        "forwarded_headers": ["x-forwarded-proto"],
        "workers": 3,
    }
    assert "the variable WEB_CONCURRENCY=3" in result.stdout
    result = migrate("gunicorn", "app:app", "-b", ":80", cwd=tmp_path, env=environment)
    assert tomllib.loads(result.stdout)["bind"] == [":80"]


def test_uvicorn_takes_its_number_of_workers_from_the_environment(tmp_path):
    result = migrate("uvicorn", "app:app", cwd=tmp_path, env={"WEB_CONCURRENCY": "3"})
    assert tomllib.loads(result.stdout)["workers"] == 3
    result = migrate("uvicorn", "app:app", "--workers", "2", cwd=tmp_path, env={"WEB_CONCURRENCY": "3"})
    assert tomllib.loads(result.stdout)["workers"] == 2


@pytest.mark.parametrize(
    ("lines", "preload"),
    [
        ("processes = 4", True),
        ("processes = 4\nlazy-apps = true", False),
        ("processes = 4\nlazy-apps = false", True),
        ("processes = 1", None),
        ("", None),
    ],
)
def test_uwsgi_preloads_unless_it_is_lazy(tmp_path, lines, preload):
    (tmp_path / "uwsgi.ini").write_text(f"[uwsgi]\nmodule = app\n{lines}\n")
    assert tomllib.loads(migrate("uwsgi.ini", cwd=tmp_path).stdout).get("preload") is preload


def test_the_settings_of_processes(tmp_path):
    """Units and spellings of the four servers."""
    uwsgi_lines = "reload-on-rss = 200\nmax-worker-lifetime = 3600\numask = 027\nuid = www-data\ngid = 33\n"
    (tmp_path / "uwsgi.ini").write_text(f"[uwsgi]\nmodule = app\n{uwsgi_lines}max-requests = 0\n")
    expected = {
        "max_rss": "200MiB",
        "worker_lifetime": "3600s",
        "umask": "027",
        "user": "www-data",
        "group": "33",
    }
    assert tomllib.loads(migrate("uwsgi.ini", cwd=tmp_path).stdout) == {
        "app": "app:application",
        **expected,
        "max_requests": "off",
    }
    line = "gunicorn app:app -b :80 -t 0 --max-requests 0 -u 33 -g www --chdir src --pid run.pid --preload"
    result = tomllib.loads(migrate(line, cwd=tmp_path).stdout)
    expected = {"beat_timeout": "off", "max_requests": "off", "user": "33", "group": "www", "chdir": "src"}
    assert result == {"app": "app:app", "bind": [":80"], **expected, "pid": "run.pid", "preload": True}
    line = "granian app:app --interface wsgi --workers-max-rss 512 --workers-lifetime 6h --pid-file a.pid"
    line += " --working-dir src --reload-ignore-dirs a --reload-ignore-paths /b/c"
    result = tomllib.loads(migrate(line, cwd=tmp_path).stdout)
    expected = {"max_rss": "512MiB", "worker_lifetime": "21600s", "pid": "a.pid", "chdir": "src"}
    assert result == {
        "app": "app:app",
        "interface": "wsgi",
        **expected,
        "reload_exclude": ["a", "/b/c"],
    }
    line = "uvicorn app:app --reload-include *.html --timeout-worker-healthcheck 9 --limit-max-requests 7"
    result = tomllib.loads(migrate(line, cwd=tmp_path).stdout)
    expected = {"reload_include": ["*.py", "*.html"], "beat_timeout": "9s", "max_requests": 7}
    assert result == {"app": "app:app", **expected}


def test_help(tmp_path):
    for option in ("-h", "--help"):
        result = migrate(option, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert "yett migrate [-o FILE] [--force] gunicorn.conf.py" in result.stdout
    assert migrate("gunicorn", "--help", cwd=tmp_path).stdout == result.stdout
    assert "yett migrate" in run_python("-m", "yett", "-h", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to migrate"),
        (["--frce", "gunicorn.conf.py"], "did you mean '--force'?"),
        (["-o"], "-o needs a file"),
        (["gunicron", "app:app"], "did you mean 'gunicorn', 'uvicorn'"),
        (["gunicorn.conf.py"], "gunicorn.conf.py: no such file"),
        (["uwsgi.ini"], "uwsgi.ini: No such file"),
        (["uwsgi.ini", "--force"], "yett migrate --force …"),
        (
            ["gunicorn", "--wokers", "4", "app:app"],
            "gunicorn has no option --wokers\n       did you mean '--workers'",
        ),
        (["gunicorn", "-w", "four", "app:app"], "-w four: not a whole number"),
        (["gunicorn", "a:app", "b:app"], "one application, not a:app and b:app"),
        (["gunicorn", "app:app", "-b"], "-b/--bind"),
        (
            ["uvicorn", "app:app", "--prot", "80"],
            "uvicorn has no option --prot\n       did you mean '--port'",
        ),
        (["uvicorn", "app:app", "--port", "http"], "--port http: not a whole number"),
        (["uwsgi", "--http", ":80", "--module", "app"], "an .ini file is read, not a command line"),
        (["gunicorn -b 'x"], "No closing quotation"),
        (["-o", "", "uvicorn", "app:app"], "cannot write a file without a name"),
        (["granian", "app:app", "--threads", "2"], "granian has no option --threads"),
        (["granian", "app:app", "--workers-kill-timeout", "soon"], "soon: not a duration"),
    ],
)
def test_wrong_usage(tmp_path, arguments, message):
    result = migrate(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    assert result.stderr.startswith("yett migrate: error: ")
    assert "Traceback" not in result.stderr
    assert message in result.stderr


def test_a_command_line_as_it_stands_in_a_unit_file(tmp_path):
    """In quotes, by the interpreter, or both."""
    expected = migrate("gunicorn", "-b", ":80", "-n", "a b", "app:app", cwd=tmp_path)
    assert expected.returncode == 0
    for arguments in (
        ["gunicorn -b :80 -n 'a b' app:app"],
        ["/venv/bin/python3 -m gunicorn -b :80 -n 'a b' app:app"],
        ["python", "-m", "gunicorn", "-b", ":80", "-n", "a b", "app:app"],
    ):
        assert migrate(*arguments, cwd=tmp_path).stdout == expected.stdout, arguments
    result = migrate("gunicorn", "app:app", cwd=tmp_path, env={"GUNICORN_CMD_ARGS": "-b 'x"})
    assert (result.returncode, result.stderr) == (
        WRONG_USAGE,
        "yett migrate: error: GUNICORN_CMD_ARGS: No closing quotation\n",
    )


def test_one_value_of_uwsgi_that_cannot_be_read_leaves_the_others(tmp_path):
    (tmp_path / "uwsgi.ini").write_text(
        "\ufeff[uwsgi]\r\nmodule = app\r\nlisten = %k\r\nthreads = %x\r\nsocket-timeout = 1.5\r\n"
        "mount = /shop=app\r\nhttp = :80\r\n",
        encoding="utf-8",
    )
    result = migrate("uwsgi.ini", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    expected = {"app": "app:application", "backlog": os.cpu_count(), "bind": [":80"]}
    assert tomllib.loads(result.stdout) == expected
    assert "It is not understood: threads = %x: not a whole number." in result.stdout
    assert "%k: not a whole number" not in result.stdout
    assert "Requests outside the mount point" not in result.stdout  # which was not carried over


def test_a_configuration_that_raises(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "def number():\n    return int('four')\n\nworkers = number()\n"
    )
    result = migrate("gunicorn.conf.py", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    assert "line 4, in <module>" in result.stderr
    assert "yett migrate: error: gunicorn.conf.py: ValueError: invalid literal" in result.stderr
    assert "importlib" not in result.stderr  # only the person's own lines
    assert "/yett/" not in result.stderr


def test_a_configuration_with_a_mistake_of_syntax(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("bind = ':80'\nworkers = = 4\n")
    result = migrate("gunicorn.conf.py", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    assert result.stderr == "yett migrate: error: gunicorn.conf.py:2: invalid syntax\n"


def test_a_configuration_is_executed_as_gunicorn_does(tmp_path):
    """`__file__`, the current directory on the path, and its output kept out of the result."""
    (tmp_path / "beside.py").write_text("THREADS = 7\n")
    (tmp_path / "conf").mkdir()
    source = (
        "import beside\nprint('loading')\nthreads = beside.THREADS\nbind = 'unix:' + __file__ + '.sock'\n"
    )
    (tmp_path / "conf" / "shop.py").write_text(source)
    result = migrate("conf/shop.py", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "loading\n")
    values = tomllib.loads(result.stdout)
    assert values["threads"] == 7
    assert values["bind"] == [f"unix:{tmp_path}/conf/shop.py.sock"]
    assert not (tmp_path / "conf" / "__pycache__").exists()


def test_a_configuration_that_is_a_module(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "shop.py").write_text("from conf.common import *\nthreads = 5\n")
    (tmp_path / "conf" / "common.py").write_text("bind = ['[::1]:80']\nthreads = 4\n")
    result = migrate("gunicorn", "-c", "python:conf.shop", "shop", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    values = tomllib.loads(result.stdout)
    assert values == {"app": "shop:application", "bind": ["[::1]:80"], "threads": 5}


def test_what_may_be_secret_is_left_out(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("raw_env = ['KEY=hunter2']\n")
    (tmp_path / "uwsgi.ini").write_text("[uwsgi]\nenv = KEY=hunter2\n")
    for arguments in (
        ["gunicorn.conf.py"],
        ["gunicorn", "-e", "KEY=hunter2", "app:app"],
        ["uvicorn", "app:app", "--ssl-keyfile-password", "hunter2"],
        ["uwsgi.ini"],
    ):
        result = migrate(*arguments, cwd=tmp_path)
        assert result.returncode == 0
        assert "hunter2" not in result.stdout
        assert "KEY=…" in result.stdout or "--ssl-keyfile-password …" in result.stdout


def test_a_file_is_written_and_not_overwritten(tmp_path):
    target = tmp_path / "yett.toml"
    arguments = ["uvicorn", "app:app", "--port", "9000"]
    first = migrate("-o", "yett.toml", *arguments, cwd=tmp_path)
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert tomllib.loads(target.read_text())["bind"] == ["127.0.0.1:9000"]
    target.write_text("threads = 3\n")
    second = migrate("--output=yett.toml", *arguments, cwd=tmp_path)
    assert second.returncode == WRONG_USAGE
    assert "yett.toml is there already" in second.stderr
    assert target.read_text() == "threads = 3\n"
    assert migrate("--force", "-o", "yett.toml", *arguments, cwd=tmp_path).returncode == 0
    assert "9000" in target.read_text()


def test_nothing_is_printed_that_yett_refuses(tmp_path):
    result = migrate("gunicorn", "-b", "no such host:80", "--backlog", "70000", "app:app", cwd=tmp_path)
    assert result.returncode == 0
    assert tomllib.loads(result.stdout) == {"app": "app:app"}
    said = " ".join(result.stdout.replace("#", "").split())
    assert "'no such host' is not a host name" in said
    assert "not between 1 and 65535" in said


def test_arguments_that_are_not_text(tmp_path):
    for arguments in (["gunicorn", "-n", "\udcff", "app"], ["uvicorn", "app", "--uds", "\udcff"]):
        result = migrate(*arguments, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "\ufffd" in result.stdout
    assert migrate("uvicorn", "\udcff:app", cwd=tmp_path).returncode == WRONG_USAGE


# Whatever can be written down, however odd.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(deadline=None)
@given(st.one_of(texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.lists(texts)))
def test_values_are_read_back_as_they_were(value):
    assert tomllib.loads(f"x = {document.value(value)}\n") == {"x": value}


@settings(deadline=None)
@given(texts, texts, texts)
def test_nothing_that_is_said_becomes_a_value(text, name, reason):
    report = Report("Gunicorn")
    report.carry("threads", 3, Given("threads", 3, text), reason)
    report.lack(Given(name, 1, text), reason)
    report.remark(reason)
    assert tomllib.loads(document.write(report, text)) == {"threads": 3}


@settings(deadline=None)
@given(texts)
def test_any_ini_file_is_read_or_refused(text):
    with tempfile.NamedTemporaryFile("w", suffix=".ini", encoding="utf-8") as file:
        file.write("[uwsgi]\n" + text)
        file.flush()
        try:
            report = uwsgi.migrate(file.name)
        except MigrateError:
            return
        tomllib.loads(checked(report, "test"))


def test_hostile_values_stay_in_their_comments(tmp_path):
    """No value can end its comment or its string."""
    value = 'x\'"""\n[evil]\r\nthreads = 1\n\x7f\x1b[2J\u2028'
    (tmp_path / "gunicorn.conf.py").write_text(f"proc_name = {value!r}\naccess_log_format = {value!r}\n")
    result = migrate("gunicorn.conf.py", cwd=tmp_path)
    assert result.returncode == 0
    values = tomllib.loads(result.stdout)
    assert values.get("access_log_format", value) == value
    assert set(values) <= {"access_log_format"}
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_what_is_written_is_what_yett_reads(case, tmp_path):
    arguments, environment = copied(case, tmp_path)
    assert migrate("-o", "yett.toml", *arguments, cwd=tmp_path, env=environment).returncode == 0
    written = tomllib.loads((tmp_path / "yett.toml").read_text())
    target = written.pop("app")
    result = run_python("-m", "yett", "config", "--json", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["app"]["value"] == target
    rows = {name: row for name, row in found["settings"].items() if row["from"] != "default"}
    assert set(rows) == set(written)
    expected = _core.Settings(**written)
    assert {name: row["value"] for name, row in rows.items()} == {
        name: getattr(expected, name) for name in written
    }
