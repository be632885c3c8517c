"""`yett.run` in a script of one's own, and `yett.testing.serve` in a test of one's own."""

import asyncio
import hashlib
import json
import re
import signal
import subprocess
import sys
import textwrap
import threading
import urllib.request

import httpx
import pytest

import yett.testing
from support import Client, ServerProcess
from support.command import run_python
from yett.lifespan import LifespanError


async def hello(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello from " + scope["path"].encode()})


def test_testing_serve():
    with yett.testing.serve(hello) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(server.url + "/a").text == "hello from /a"
        url = server.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_testing_serve_with_settings_and_several_at_once(tmp_path):
    settings = {"bind": ["127.0.0.1:0", f"unix:{tmp_path}/socket"], "loop": "asyncio", "server_header": False}
    with yett.testing.serve(hello, **settings) as first, yett.testing.serve(hello) as second:
        assert len(first.urls) == 2
        assert first.url != second.url
        assert "server" not in httpx.get(first.url).headers
        assert httpx.get(second.url).headers["server"] == "yett"
        with Client(str(tmp_path / "socket")) as client:
            assert client.get("/u").body == b"hello from /u"
    assert not (tmp_path / "socket").exists()


def test_testing_serve_runs_the_lifespan_in_its_thread():
    told = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{step}"
                told.append((step, threading.current_thread() is threading.main_thread()))
                await send({"type": f"lifespan.{step}.complete"})
        else:
            told.append("request")
            await hello(scope, receive, send)

    with yett.testing.serve(app) as server:
        assert told == [("startup", False)]
        httpx.get(server.url)
    assert told == [("startup", False), "request", ("shutdown", False)]


def test_testing_serve_raises_what_start_up_raises():
    async def app(scope, receive, send):
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanError, match="no database"), yett.testing.serve(app):
        raise AssertionError("it serves")


def test_testing_serve_ends_when_the_test_fails():
    with pytest.raises(ZeroDivisionError), yett.testing.serve(hello) as server:
        url = server.url
        _ = 1 / 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_testing_serve_cancels_what_still_runs():
    cancelled = threading.Event()

    async def app(scope, receive, send):
        try:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with yett.testing.serve(app, lifespan="off", graceful_timeout=0.1) as server:
        client = Client(int(server.url.rsplit(":", 1)[1]))
        client.begin("GET", "/")
        client._until(b"begun")
    assert cancelled.is_set()
    client.close()


SCRIPT = """
    import yett

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    if __name__ == "__main__":
        yett.run(app, bind=["unix:socket"], lifespan="off")
        print("after", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_from_a_script(tmp_path, number):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "socket").exists():
            assert process.poll() is None
        while True:
            try:
                client = Client(str(tmp_path / "socket"))
                break
            except ConnectionRefusedError:
                assert process.poll() is None
        assert client.get().body == b"hello"
        client.close()
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert output == "after\n", "it returns, and the script goes on"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("colour='red'", "TypeError"),
        ("binds=[]", "TypeError.*bind"),
        ("loop='trio'", "ValueError"),
        ("head_timeout='soon'", "ValueError"),
        ("bind='unix:missing/socket'", "OSError|ListenError|FileNotFoundError"),
    ],
)
def test_run_raises_what_is_wrong(tmp_path, settings, error):
    result = run_python("-c", f"import yett\nyett.run('nothing:app', {settings})", cwd=tmp_path)
    assert result.returncode == 1
    assert re.search(error, result.stderr.splitlines()[-1]), result.stderr


def test_the_showcase(tmp_path):
    with ServerProcess(["demo", "--bind", "127.0.0.1:0"], cwd=tmp_path) as server:
        url = server.url
        page = urllib.request.urlopen(url).read().decode()  # which could not make anything of a 103
        assert "<html" in page
        assert "Yett" in page
        body = bytes(range(256)) * 4096
        report = httpx.post(url + "/upload", content=body).json()
        assert (report["size"], report["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        seen = httpx.get(url + "/scope", headers={"x-mark": "here"}).json()
        assert ["x-mark", "here"] in seen["headers"]
        assert seen["state"]["offered"]
        assert httpx.get(url + "/knock").text == "open\n"
        assert httpx.get(url + "/missing").status_code == 404
        with httpx.stream("GET", url + "/stream?parts=5&pause=20") as response:
            lines = list(response.iter_lines())
        assert len(lines) == 5
        with Client(server.port) as client:
            client.begin("GET", "/events", "Accept: text/event-stream")
            head = client._until(b"\r\n\r\n")
            assert b"content-type: text/event-stream" in head
            # The second event comes a second after the first: what is sent arrives while the response goes on.
            client._until(b"\n\n")
            client._until(b"\n\n")
        assert server.stop() == 0
        assert "ERROR" not in server.log


def test_run_twice_in_one_process(tmp_path):
    """Signals are watched the second time, too: of both kinds, and the one that reopens logs."""
    program = """
import os, signal, yett
numbers = [signal.SIGTERM, signal.SIGINT]

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), numbers.pop())
    await receive()
    await send({"type": "lifespan.shutdown.complete"})

while numbers:
    yett.run(app, bind="127.0.0.1:0", lifespan="on")
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
"""
    ended = run_python("-c", program, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "True True\n"), ended.stderr


def test_testing_serve_with_an_error_log(tmp_path):
    async def app(scope, receive, send):
        raise RuntimeError("as asked")

    with yett.testing.serve(
        app, lifespan="off", error_log=str(tmp_path / "log"), log_format="json"
    ) as server:
        assert httpx.get(server.url).status_code == 500
    with yett.testing.serve(hello):
        pass  # the next has its own
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line)["exception_text"] == "as asked"


WORKERS = """
import os, sys, threading, yett

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

if __name__ == "__main__":
    yett.run(app, bind="unix:socket", workers=2)
    print("after", os.getpid(), flush=True)
    try:
        yett.run("nothing:app", bind="unix:socket", workers=2)
    except SystemExit as error:
        print("exit", error.code, flush=True)
"""


def test_workers_from_a_script(tmp_path):
    """They are forked from the script, and do not go on with it."""
    (tmp_path / "script.py").write_text(WORKERS)
    with ServerProcess([], tmp_path, module="script") as server:
        server.wait_for("serving on unix:")
        with Client(str(tmp_path / "socket")) as client:
            assert int(client.get().body) in server.workers
        assert len(server.workers) == 2
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert [line for line in server.log.splitlines() if line.startswith(("after", "exit"))] == [
        f"after {server.process.pid}",
        "exit 4",
    ]
    assert server.log.count("yett: error: no module named 'nothing'") == 1
