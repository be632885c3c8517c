"""`[server:main] use = egg:yett`: the server that a Paste file names, started by pserve and by PasteDeploy itself."""

import os
import re
import tomllib
from pathlib import Path

import httpx
import pytest

from support import ServerProcess
from support.command import run_python
from yett import paste

pytest.importorskip("paste.deploy")

ROOT = Path(__file__).parents[2]
APP = """
    def make(global_conf, **options):
        def app(*arguments):
            environ, start_response = arguments
            body = repr((options, environ["SCRIPT_NAME"], environ["wsgi.multithread"])).encode()
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
            return [body]
        return app
"""
INI = """
    [app:main]
    paste.app_factory = shop:make
    name = tea
    [server:main]
    use = egg:yett
"""


@pytest.fixture
def shop(project):
    """`shop(lines)`: a project with these lines in its server section; its folder, and the environment for it.

    The tests may run on a checkout that is not installed, whose entry points nobody would find.
    """

    def write(lines: str) -> tuple[Path, dict[str, str]]:
        project_table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        groups = "\n".join(
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
            for group, entries in project_table["entry-points"].items()
        )
        folder = project(
            {
                "shop.py": APP,
                "site.ini": INI + "".join(f"    {line.strip()}\n" for line in lines.splitlines()),
                "installed/yett-0.dist-info/METADATA": "Metadata-Version: 2.1\nName: yett\nVersion: 0\n",
                "installed/yett-0.dist-info/entry_points.txt": groups,
            }
        )
        search = [str(folder / "installed"), str(folder), str(Path(paste.__file__).parents[1])]
        return folder, {"PYTHONPATH": os.pathsep.join(search), "PYTHONWARNINGS": "ignore"}

    return write


SERVE = (
    "import sys\nfrom paste.deploy import loadapp, loadserver\nloadserver(sys.argv[1])(loadapp(sys.argv[1]))"
)


@pytest.mark.parametrize(
    "lines",
    [
        "bind = 127.0.0.1:0\nthreads = 1",
        "host = 127.0.0.1\nport = 0\nthreads = 1",
        "listen = localhost:0 127.0.0.1:0\nthreads = 1",
    ],
)
def test_pserve(shop, lines):
    pytest.importorskip("pyramid")
    folder, env = shop(lines + "\nroot_path = /shop\nserver_header = off")
    with ServerProcess(["site.ini"], folder, env, module="pyramid.scripts.pserve") as server:
        response = httpx.get(server.url)
        assert response.text == "({'name': 'tea'}, '/shop', False)"
        assert "server" not in response.headers
        assert server.stop() == 0
        assert "Traceback" not in server.log


def refusal(folder: Path, env: dict[str, str], code: int = 1) -> str:
    run = run_python("-c", SERVE, f"config:{folder}/site.ini", cwd=folder, env=env)
    assert run.returncode == code
    # The last line of a traceback, or that before the hint.
    return run.stderr.strip().splitlines()[-1 if code == 1 else -2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "thread = 4",
            r"TypeError: the server section of \S+/site.ini: unknown setting 'thread' .*'threads'",
        ),
        ("threads = many", r"ValueError: the server section of \S+/site.ini: threads=\"many\": not a whole"),
        ("server_header = perhaps", "ValueError: .*neither on nor off"),
        ("port = 80 and more", "ValueError: .*bind"),
        ("port = 0\nlisten = *:0", "ValueError: .*not by two of them"),
    ],
)
def test_a_wrong_server_section(shop, lines, message):
    assert re.match(message, refusal(*shop(lines)))


def test_an_asynchronous_application(shop):
    folder, env = shop("port = 0")
    (folder / "shop.py").write_text(
        "def make(global_conf, name):\n    return app\nasync def app(s, r, e): pass\n"
    )
    assert "'app' is not a WSGI application: it is asynchronous" in refusal(folder, env, code=4)


@pytest.mark.parametrize(
    ("given", "bind"),
    [
        ({}, None),
        ({"host": "0.0.0.0", "port": "6543"}, ["0.0.0.0:6543"]),
        ({"host": "::1", "port": "6543"}, ["[::1]:6543"]),
        ({"host": "[::1]", "port": "6543"}, ["[::1]:6543"]),
        ({"host": "*", "port": "6543"}, [":6543"]),
        ({"host": "localhost"}, ["localhost"]),
        ({"port": "6543"}, ["6543"]),
        ({"listen": "*:80 [::1]:6543"}, [":80", "[::1]:6543"]),
        ({"bind": "127.0.0.1:1, unix:/run/yett.sock"}, ["127.0.0.1:1", "unix:/run/yett.sock"]),
    ],
)
def test_addresses(given, bind):
    own = paste.translated({**given, "threads": "4"})
    assert own == ({"threads": "4"} if bind is None else {"threads": "4", "bind": bind})
