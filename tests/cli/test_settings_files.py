"""Settings in files: yett.toml, [tool.yett] in pyproject.toml, and who wins over whom."""

import json
import textwrap

import pytest

from support import Client, ServerProcess
from support.command import run_yett
from yett import _core

WRONG_USAGE = 2
HELLO = """
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["root_path"].encode() or b"hello"})
"""


@pytest.fixture
def project(tmp_path):
    """A folder with an application, and a way to put further files into it."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(textwrap.dedent(text))
        return tmp_path

    write(app_py=HELLO)
    return write


def effective(folder, *arguments, **more):
    """The settings by name, as `yett config --json` tells them."""
    result = run_yett("config", "--json", *arguments, cwd=folder, **more)
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)["settings"]


def test_a_server_by_files_alone(project):
    folder = project(
        yett_toml='app = "app:app"\nbind = "unix:socket"\n',
        pyproject_toml='[tool.yett]\nroot_path = "/prefix"\nserver_header = false\n',
    )
    with ServerProcess([], cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        with Client(str(folder / "socket")) as client:
            response = client.get("/prefix")
        assert (response.body, response.header("server")) == (b"/prefix", None)
        assert server.stop() == 0


def test_the_application_may_be_named_by_a_variable(project):
    folder = project()
    result = run_yett("check", cwd=folder, env={"YETT_APP": "app:app"})
    assert (result.returncode, result.stderr) == (0, "")


def test_precedence(project):
    folder = project(
        pyproject_toml="[tool.yett]\nbacklog = 1\nthreads = 1\nlimit_fields = 1\nlimit_head = 2000\n",
        yett_toml="threads = 2\nlimit_fields = 2\nlimit_head = 3000\n",
    )
    found = effective(
        folder, "--limit-head", "5000", env={"YETT_LIMIT_FIELDS": "3", "YETT_LIMIT_HEAD": "4000"}
    )
    expected = {
        "unix_mode": ("umask", "default", None),
        "backlog": (1, "file", "pyproject.toml:2"),
        "threads": (2, "file", "yett.toml:1"),
        "limit_fields": (3, "environment", "YETT_LIMIT_FIELDS"),
        "limit_head": (5000, "option", "--limit-head"),
    }
    assert {
        name: (row["value"], row["from"], row["where"]) for name, row in found.items() if name in expected
    } == expected


@pytest.mark.parametrize("way", ["option", "variable"])
def test_another_file(project, way):
    folder = project(yett_toml="backlog = 1\nthreads = 1\n", other_toml="backlog = 2\n")
    if way == "option":
        found = effective(folder, "--config", "other.toml")
    else:
        found = effective(folder, env={"YETT_CONFIG": "other.toml"})
    assert found["backlog"] == {"value": 2, "text": "2", "from": "file", "where": "other.toml:1"}
    assert found["threads"]["from"] == "default"


def test_a_named_file_that_is_missing(project):
    result = run_yett("app:app", "-c", "missing.toml", cwd=project())
    assert result.returncode == WRONG_USAGE
    assert result.stderr.startswith("yett: error: cannot read missing.toml: ")


def test_files_of_other_folders_are_not_read(project, tmp_path):
    project(yett_toml="backlog = 1\n", pyproject_toml="[tool.yett]\nthreads = 1\n")
    (tmp_path / "below").mkdir()
    found = effective(tmp_path / "below")
    assert {row["from"] for row in found.values()} == {"default"}


def test_all_mistakes_at_once_each_with_its_place(project):
    folder = project(
        yett_toml='bnid = ":80"\n\nhead_timeout = "soon"\n[limits]\nbody = 1\n',
        pyproject_toml="[tool.yett]\nbacklog = 0\n",
    )
    result = run_yett("app:app", "--lop=asyncio", "--threads", "x", cwd=folder, env={"YETT_LIFESPAN": "offf"})
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    *errors, hint = result.stderr.splitlines()
    assert all(line.startswith("yett: error: ") for line in errors)
    places = [line.removeprefix("yett: error: ") for line in errors]
    expected = [
        ("unknown option '--lop'", "did you mean '--loop'?"),
        ("pyproject.toml:2: backlog = 0", "between 1 and 65535"),
        ("yett.toml:1: unknown setting 'bnid'", "did you mean 'bind'?"),
        ('yett.toml:3: head_timeout = "soon"', "write it like 30s"),
        ("yett.toml:4: there is no table 'limits'", "head_timeout ="),
        ("YETT_LIFESPAN=offf", "did you mean 'off'?"),
        ("--threads x", "not a whole number"),
    ]
    assert len(places) == len(expected)
    for line, (place, advice) in zip(places, expected, strict=True):
        assert line.startswith(place)
        assert advice in line
    assert "yett --help" in hint


@pytest.mark.parametrize("content", [b"backlog = \n", b"\xff", b"[broken"])
def test_files_that_are_no_toml(tmp_path, content):
    (tmp_path / "yett.toml").write_bytes(content)
    result = run_yett("app:app", cwd=tmp_path)
    assert result.returncode == WRONG_USAGE
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("yett: error: yett.toml:")


def test_a_broken_project_file_of_somebody_else_is_no_concern(project):
    assert effective(project(pyproject_toml="[broken"))["backlog"]["from"] == "default"


def test_every_row_in_a_file_is_what_python_has(project):
    """The samples of the registry, written to yett.toml as text, are read as `Settings` reads them from Python."""
    rows = _core.registry()
    written = "".join(f"{row['name']} = {json.dumps(row['sample'][0])}\n" for row in rows)
    found = effective(project(yett_toml=written))
    settings = _core.Settings(**{row["name"]: row["sample"][1] for row in rows})
    for number, row in enumerate(rows, start=1):
        name = row["name"]
        assert found[name]["where"] == f"yett.toml:{number}"
        value = found[name]["value"]
        again = _core.Settings(**{name: value})
        assert getattr(again, name) == getattr(settings, name), name
