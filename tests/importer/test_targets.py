"""Targets: what is loaded, and which are refused as they are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yett import importer

APP = "async def app(scope, receive, send): pass\n"


def named(target: str) -> str:
    return importer.load(target).__name__


def test_module_and_attribute(project):
    project({"web.py": "async def site(scope, receive, send): pass"})
    assert named("web:site") == "site"


def test_inner_attribute(project):
    project({"web.py": "class Container:\n    async def inner(scope, receive, send): pass"})
    assert named("web:Container.inner") == "inner"


def test_submodule_of_a_package(project):
    project({"pkg/__init__.py": "", "pkg/web.py": APP})
    assert importer.load("pkg.web:app").__module__ == "pkg.web"


def test_module_alone_prefers_application(project):
    project({"web.py": "async def app(s, r, e): pass\nasync def application(s, r, e): pass"})
    assert named("web") == "application"


def test_module_alone_takes_app(project):
    project({"web.py": APP})
    assert named("web") == "app"


def test_module_alone_passes_over_a_submodule_called_app(project, refused):
    project(
        {
            "pkg/__init__.py": "from . import app as _\nfrom .app import app as application\n",
            "pkg/app.py": APP,
        }
    )
    assert importer.load("pkg").__module__ == "pkg.app"
    project({"bare/__init__.py": "import bare.app", "bare/app.py": APP})
    error = refused("bare")
    assert "has no attribute 'application' or 'app'" in error.message
    assert "yett bare.app" in (error.hint or "")


def test_factory_is_called(project):
    project({"web.py": "def make():\n    async def made(scope, receive, send): pass\n    return made"})
    assert named("web:make()") == "made"


def test_factory_gets_arguments(project):
    project(
        {"web.py": "def make(name):\n    async def made(s, r, e): pass\n    made.of = name\n    return made"}
    )
    assert importer.load("web:make()", factory_args=("x",)).of == "x"


def test_file_target(project):
    folder = project({"sites/web.py": "import beside\n" + APP, "sites/beside.py": ""})
    assert named("sites/web.py:app") == "app"
    assert sys.path[0] == str(folder / "sites")


def test_file_target_without_attribute_and_with_absolute_path(project):
    folder = project({"a:b/web.py": APP})
    assert named(str(folder / "a:b" / "web.py")) == "app"


def test_file_in_a_package_is_its_submodule(project):
    folder = project(
        {
            "src/pkg/__init__.py": "",
            "src/pkg/sub/__init__.py": "",
            "src/pkg/sub/web.py": "from .. import sub\n" + APP,
        }
    )
    assert importer.load("src/pkg/sub/web.py").__module__ == "pkg.sub.web"
    assert sys.path[0] == str(folder / "src")


def test_package_file_itself(project):
    project({"pkg/__init__.py": APP})
    assert importer.load("pkg/__init__.py").__module__ == "pkg"


def test_file_made_after_a_failed_import(project, refused):
    """Even within the resolution of the file system's clock, in which the import system sees no change."""
    folder = project({"other.py": APP})
    refused("late:app")
    times = folder.stat()
    project({"late.py": APP})
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert named("late:app") == "app"


def test_current_folder_comes_first(tmp_path):
    """In its own process: started as a script is, the folder of the script is first, not the current one."""
    (tmp_path / "web.py").write_text("async def app(scope, receive, send): 'mine'")
    other = tmp_path / "other"
    other.mkdir()
    (other / "web.py").write_text("async def app(scope, receive, send): 'theirs'")
    (other / "start.py").write_text("from yett import importer\nprint(importer.load('web:app').__doc__)")
    environment = dict(os.environ, PYTHONPATH=str(Path(importer.__file__).parents[1]))
    run = subprocess.run(
        [sys.executable, "other/start.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "mine"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "no application given"),
        (":app", "no module in ':app'"),
        ("web:", "nothing after the colon"),
        ("web:a-b", "'a-b' is not the name of an attribute"),
        ("web:a..b", "'a..b' is not the name of an attribute"),
        ("web:make(1)", "'make(1)' is not a call without arguments"),
        ("web:make('x/y.py')", "is not a call without arguments"),
        (".web:app", "'.web' is not the name of a module"),
    ],
)
def test_malformed(project, refused, target, words):
    project({"web.py": APP})
    error = refused(target)
    assert words in error.message
    assert error.hint
    assert error.traceback is None
