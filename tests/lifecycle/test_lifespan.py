"""The lifespan protocol from outside: what start-up and shutdown do to the process."""

import os
import signal
import textwrap

import pytest

from support import Client, ServerProcess
from support.command import run_yett
from support.usage import signals_pending

STARTUP_FAILED = 3
ANSWER = """
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})
"""


def app(lifespan: str, rest: str = ANSWER) -> str:
    """An application whose lifespan is `lifespan` (lines of code)."""
    code = textwrap.indent(textwrap.dedent(lifespan), "        ")
    return (
        "import asyncio\n"
        "async def app(scope, receive, send):\n"
        '    if scope["type"] == "lifespan":\n'
        f"{code}\n"
        "    else:\n"
        f"{rest}"
    )


def fails_to_start(tmp_path, lifespan: str, *options: str) -> str:
    (tmp_path / "app.py").write_text(app(lifespan))
    result = run_yett("app:app", "--bind", "unix:socket", *options, cwd=tmp_path)
    assert result.returncode == STARTUP_FAILED, result.stderr
    assert "serving" not in result.stderr
    assert not (tmp_path / "socket").exists()
    return result.stderr


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_start_up_that_fails_prints_the_reason(tmp_path, mode):
    error = fails_to_start(
        tmp_path,
        """
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database at db.example"})
        """,
        "--lifespan", mode,
    )  # fmt: skip
    assert error == "yett: error: the application's start-up failed: no database at db.example\n"


def test_a_start_up_that_fails_without_a_reason(tmp_path):
    error = fails_to_start(tmp_path, 'await receive()\nawait send({"type": "lifespan.startup.failed"})')
    assert "it gave no reason" in error


def test_a_start_up_that_raises_is_shown_under_on(tmp_path):
    error = fails_to_start(tmp_path, 'await receive()\nraise RuntimeError("no database")', "--lifespan", "on")
    assert "Traceback" in error
    assert 'raise RuntimeError("no database")' in error, "the application's own line"
    assert "yett/lifespan.py" not in error, "and none of ours"
    assert error.endswith("yett: error: the application's start-up failed: RuntimeError: no database\n")


@pytest.mark.parametrize("lifespan", ['raise ValueError("not mine")', "pass"])
def test_an_application_without_lifespan(serve, tmp_path, lifespan):
    server = serve(app(lifespan))
    server.wait_for("INFO: the application does not take part in the lifespan protocol")
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    assert server.stop() == 0
    assert "Traceback" not in server.log
    error = fails_to_start(tmp_path, lifespan, "--lifespan", "on")
    assert "ValueError: not mine" in error or "returned without answering lifespan.startup" in error


def test_off_does_not_ask(serve):
    server = serve(app('print("asked", flush=True)'), "--lifespan", "off")
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    assert server.stop() == 0
    assert "asked" not in server.log


GOOD = """
await receive()
scope["state"]["shared"] = []
scope["state"]["name"] = "from start-up"
await send({"type": "lifespan.startup.complete"})
assert (await receive())["type"] == "lifespan.shutdown"
print("shared", scope["state"], flush=True)
"""


def test_the_state_is_shared_as_a_shallow_copy(serve):
    server = serve(
        app(
            GOOD + 'await send({"type": "lifespan.shutdown.complete"})',
            """
        scope["state"]["shared"].append(scope["path"])  # the same object for all
        body = f'{scope["state"]["name"]} {len(scope["state"]["shared"])}'
        scope["state"]["name"] = "changed by a request"  # its own copy
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body.encode()})
""",
        )
    )
    with Client(server.port) as client:
        assert [client.get(f"/{n}").body for n in range(3)] == [
            b"from start-up %d" % (n + 1) for n in range(3)
        ]
    assert server.stop() == 0
    server.wait_for("shared {'shared': \\['/0', '/1', '/2'\\], 'name': 'from start-up'}")


def test_there_is_no_state_without_lifespan(serve):
    rest = """
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": str("state" in scope).encode()})
"""
    for options in (["--lifespan", "off"], []):
        server = serve(app("raise RuntimeError", rest), *options)
        with Client(server.port) as client:
            assert client.get().body == b"False"


HANGING = """
await receive()
print("starting", flush=True)
await asyncio.sleep(1000)
"""


def test_no_request_is_served_before_the_start_up_is_complete(serve, tmp_path):
    (tmp_path / "app.py").write_text(app(HANGING))
    with ServerProcess(["app:app", "--bind", "unix:socket"], cwd=tmp_path) as server:
        server.wait_for("starting")
        with Client(str(tmp_path / "socket")) as client:  # the address is there, and the kernel's queue
            client.begin("GET", "/")
            client.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.response()
        assert server.stop() == 0, "a start-up that hangs can be interrupted"
    assert "Traceback" not in server.log
    assert not (tmp_path / "socket").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_up_that_blocks_ends_with_the_second_signal(tmp_path, number):
    (tmp_path / "app.py").write_text(app("import time\nprint('starting', flush=True)\ntime.sleep(1000)"))
    with ServerProcess(["app:app", "--bind", "unix:socket", "--no-supervisor"], cwd=tmp_path) as server:
        server.wait_for("starting")
        server.signal(number)
        while signals_pending(server.pid):
            os.sched_yield()
        server.signal(number)
        assert server.wait() == 128 + number


def test_an_import_that_hangs_can_be_interrupted(tmp_path):
    (tmp_path / "app.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(1000)\n")
    with ServerProcess(["app:app", "--bind", "unix:socket", "--no-supervisor"], cwd=tmp_path) as server:
        server.wait_for("importing")
        server.signal(signal.SIGINT)
        assert server.wait() == 130


@pytest.mark.parametrize(
    ("shutdown", "logged"),
    [
        (
            'await send({"type": "lifespan.shutdown.failed", "message": "disk full"})',
            "shutdown failed: disk full",
        ),
        ('raise RuntimeError("at the end")', "RuntimeError: at the end"),
        ('await send({"type": "lifespan.shutdown.complete"})\nawait asyncio.sleep(1000)', "shared"),
    ],
)
def test_a_shutdown_that_goes_wrong_is_logged_and_the_server_ends(serve, shutdown, logged):
    server = serve(app(GOOD + shutdown))
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    assert server.stop() == 0
    assert logged in server.log


def test_an_application_that_ends_its_lifespan_early_goes_on_serving(serve):
    server = serve(app('await receive()\nawait send({"type": "lifespan.startup.complete"})'))
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    assert server.stop() == 0
    assert "ERROR" not in server.log


def test_an_application_that_exits_at_start_up_is_not_served(tmp_path):
    error = fails_to_start(tmp_path, 'await receive()\nraise SystemExit("no database")')
    assert "the application's start-up failed: SystemExit: no database" in error
