"""Functions that the settings name: what they are told, in which process, and what becomes of their mistakes."""

import signal

import pytest

from support import Client, ServerProcess
from support.command import run_yett

STARTUP_FAILED = 3
NAMES = ("when_ready", "worker_start", "worker_ready", "worker_stop", "worker_exit", "on_reload")
APP = """
from hooks import note

note("imported")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        note("starting up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        note("shutting down")
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hi"})
"""
HOOKS = """
import os

VERSION = 1

def note(text):
    with open("notes", "a") as file:
        file.write(f"{text}\\n")

def told(name, context):
    assert context.pid == os.getpid()
    assert context.addresses == ["unix:socket"]
    note(f"{name} {context.worker} {context.generation}")

def when_ready(context): told("when_ready", context)
def worker_start(context): told(f"worker_start of version {VERSION}", context)
def worker_ready(context): told("worker_ready", context)
def worker_stop(context): told("worker_stop", context)
def worker_exit(): note("worker_exit")
def on_reload(context): told("on_reload", context)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "hooks.py").write_text(HOOKS)
    lines = [f'{name} = "hooks:{name}"' for name in NAMES]
    (tmp_path / "yett.toml").write_text("\n".join(['app = "app:app"', 'bind = "unix:socket"', *lines]))
    return tmp_path


def notes(folder):
    return (folder / "notes").read_text().splitlines()


def started(folder, *options):
    server = ServerProcess([*options], cwd=folder)
    server.wait_for("serving on unix:socket")
    return server


def test_each_turn_in_its_process(folder):
    with started(folder) as server:
        with Client(str(folder / "socket")) as client:
            assert client.get().body == b"hi"
        assert server.stop() == 0
    assert notes(folder) == [
        "worker_start of version 1 0 1",
        "imported",
        "starting up",
        "worker_ready 0 1",
        "when_ready None 0",
        "worker_stop 0 1",
        "shutting down",
        "worker_exit",
    ]


def test_without_a_supervisor(folder):
    with started(folder, "--no-supervisor") as server:
        assert server.stop() == 0
    assert notes(folder) == [
        "worker_start of version 1 0 1",
        "imported",
        "starting up",
        "worker_ready 0 1",
        "when_ready 0 1",
        "worker_stop 0 1",
        "shutting down",
        "worker_exit",
    ]


def test_a_preloaded_application_is_imported_before(folder):
    with started(folder, "--preload") as server:
        assert server.stop() == 0
    assert notes(folder)[:4] == [
        "imported",
        "worker_start of version 1 0 1",
        "starting up",
        "worker_ready 0 1",
    ]


def test_several_workers_and_a_reload_with_new_functions(folder):
    with started(folder, "--workers", "2") as server:
        (folder / "notes").unlink()
        (folder / "hooks.py").write_text(HOOKS.replace("VERSION = 1", "VERSION = 2"))
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through")
        assert server.stop() == 0
    found = notes(folder)
    assert found[0] == "on_reload None 0"
    # The supervisor has had the module before: its workers import it anew all the same.
    assert sorted(note for note in found if note.startswith("worker_start")) == [
        "worker_start of version 2 0 2",
        "worker_start of version 2 1 2",
    ]
    assert found.count("imported") == 2
    stopped = sorted(note for note in found if note.startswith("worker_stop"))
    assert stopped == [f"worker_stop {worker} {generation}" for worker in (0, 1) for generation in (1, 2)]
    assert found.count("worker_exit") == 4


@pytest.mark.parametrize("options", [[], ["--no-supervisor"]], ids=["supervised", "alone"])
def test_an_exception_is_logged_and_decides_nothing(folder, options):
    lines = [f"def {name}(context): raise LookupError('in {name}')" for name in NAMES]
    (folder / "hooks.py").write_text("\n".join([HOOKS, *lines, "def worker_exit(): raise SystemExit(7)"]))
    with started(folder, *options) as server:
        if not options:
            server.signal(signal.SIGHUP)
            server.wait_for("reload is through")
        with Client(str(folder / "socket")) as client:
            assert client.get().body == b"hi"
        assert server.stop() == 0
    called = NAMES if not options else NAMES[:-1]
    for name in called:
        assert f"ERROR: the hook {name} failed" in server.log
        assert f"LookupError: in {name}" in server.log or name == "worker_exit"
    assert "SystemExit: 7" in server.log


@pytest.mark.parametrize(
    "options", [[], ["--no-supervisor"], ["--preload"]], ids=["supervised", "alone", "preload"]
)
@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        (
            "when_ready",
            "hoks:when_ready",
            "no module named 'hoks' (did you mean 'hooks'? there is hooks.py here)",
        ),
        (
            "when_ready",
            "hooks:when_redy",
            "module 'hooks' has no attribute 'when_redy' (did you mean 'when_ready'",
        ),
        ("worker_start", "hooks:VERSION", "'VERSION' is no function: it is an int"),
        ("worker_exit", "hooks:worker_exist", "module 'hooks' has no attribute 'worker_exist' (did you mean"),
        ("on_reload", "broken:x", "importing 'broken' failed: LookupError: as asked"),
    ],
)
def test_what_is_not_there_ends_the_start(folder, name, target, message, options):
    (folder / "broken.py").write_text("raise LookupError('as asked')")
    result = run_yett(f"--{name.replace('_', '-')}", target, *options, cwd=folder)
    assert result.returncode == STARTUP_FAILED
    assert f"yett: error: the hook {name} ({target}): {message}" in result.stderr
    assert "/yett/" not in result.stderr


def test_a_reload_that_names_what_is_not_there_keeps_the_old_code(folder):
    with started(folder) as server:
        settings = (folder / "yett.toml").read_text()
        (folder / "yett.toml").write_text(settings.replace("hooks:on_reload", "hooks:on_relaod"))
        server.signal(signal.SIGHUP)
        server.wait_for(
            r"the hook on_reload \(hooks:on_relaod\): module 'hooks' has no attribute 'on_relaod'"
        )
        with Client(str(folder / "socket")) as client:
            assert client.get().body == b"hi"
        (folder / "yett.toml").write_text(settings)
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through")
        assert server.stop() == 0
    assert notes(folder).count("on_reload None 0") == 2
