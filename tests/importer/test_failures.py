"""Code of an application that fails while it is imported, and factories that go wrong."""

import gc
from pathlib import Path

import pytest

from yett import importer

APP = "async def app(scope, receive, send): pass\n"


def test_exception_while_importing(project, refused):
    project(
        {
            "web.py": "import deep\n" + APP,
            "deep.py": "def fail():\n    raise KeyError('DATABASE_URL')\nfail()",
        }
    )
    error = refused("web:app")
    assert error.message == "importing 'web' failed: KeyError: 'DATABASE_URL'"
    lines = [line.strip() for line in (error.traceback or "").splitlines()]
    files = [line.split('"')[1] for line in lines if line.startswith("File")]
    assert [Path(file).name for file in files] == ["web.py", "deep.py", "deep.py"]
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'DATABASE_URL'"


def test_causes_are_cleaned_too(project, refused):
    project(
        {
            "web.py": """
            import importlib
            try:
                importlib.import_module("deep")
            except ValueError as error:
                raise RuntimeError("outer") from error
            """,
            "deep.py": "raise ValueError('inner')",
        }
    )
    shown = refused("web:app").traceback or ""
    assert "ValueError: inner" in shown
    assert "RuntimeError: outer" in shown
    assert "importlib/__init__" not in shown
    assert "frozen" not in shown
    assert "importer.py" not in shown


def test_syntax_error(project, refused):
    project({"web.py": "x = 1\ndef broken(:\n    pass\n"})
    error = refused("web:app")
    assert error.message.startswith("SyntaxError in ")
    assert "web.py, line 2: " in error.message
    shown = error.traceback or ""
    assert "def broken(:" in shown
    assert "^" in shown
    assert "Traceback" not in shown, "no call led there"


def test_syntax_error_further_down(project, refused):
    project({"web.py": "import deep\n" + APP, "deep.py": "x ="})
    error = refused("web:app")
    assert "deep.py, line 1: " in error.message
    assert "import deep" in (error.traceback or "")


def test_exit_while_importing(project, refused):
    project({"web.py": APP + "raise SystemExit(3)"})
    error = refused("web:app")
    assert error.message == "importing 'web' ended the program: SystemExit(3)"
    assert "__name__ == '__main__'" in (error.hint or "")


def test_interrupt_while_importing_passes_through(project):
    project({"web.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        importer.load("web:app")


def test_relative_import_in_a_folder_that_is_no_package(project, refused):
    project({"sites/web.py": "from .beside import x\n" + APP, "sites/beside.py": "x = 1"})
    error = refused("sites/web.py:app")
    assert "no known parent package" in error.message
    assert "__init__.py" in (error.hint or "")


def test_long_errors_are_cut_in_the_message_only(project, refused):
    project({"web.py": "raise ValueError('x' * 1000 + '\\nsecond line')"})
    error = refused("web:app")
    assert len(error.message) < 300
    assert "second line" not in error.message
    assert "x" * 1000 + "\nsecond line" in (error.traceback or "")


def test_factory_raises(project, refused):
    project(
        {"web.py": "def make():\n    return helper()\ndef helper():\n    raise ValueError('no database')"}
    )
    error = refused("web:make()")
    assert error.message == "the factory make() failed: ValueError: no database"
    assert "return helper()" in (error.traceback or "")
    assert "importer.py" not in (error.traceback or "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make(): pass", "the factory make() returned None"),
        ("def make(): return 7", "what make() returned is not an application: it is an int, not callable"),
        (
            "async def make(): pass",
            "the factory 'make' is asynchronous: calling it makes a coroutine, not an application",
        ),
        ("def make(config, *, debug): pass", "the factory 'make' takes arguments: make(config, *, debug)"),
        ("make = 'text'", "'make' cannot be called: it is a str"),
        ("def make(): raise SystemExit(2)", "the factory make() failed: SystemExit: 2"),
    ],
)
def test_factory_refused(project, refused, recwarn, code, message):
    project({"web.py": code})
    error = refused("web:make()")
    assert error.message == message
    assert error.hint
    del error  # and with it the frames that hold the coroutine, if there is one
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]
