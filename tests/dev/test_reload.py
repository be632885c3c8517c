"""Edit, break, repair, while requests go on."""

import os
import signal
import threading

from support import Client
from support.dev import PAGE, get, page
from support.server import ServerProcess
from support.wait import wait_until

ASGI = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"VERSION"})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"VERSION"]
"""
SOURCES = {"asgi": ASGI, "wsgi": WSGI}


def version(server) -> bytes:
    return get(server).body


def test_edit_break_and_repair_while_requests_go_on(develop, interface):
    source = SOURCES[interface]
    server = develop(source.replace("VERSION", "one"))
    seen: list[bytes] = []
    failures: list[BaseException] = []
    ended = threading.Event()

    def load() -> None:
        try:
            while not ended.is_set():
                response = get(server)
                assert response.status == 200
                seen.append(response.body)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: b"one" in seen, "the first version")
        server.change(source.replace("VERSION", "two"))
        server.wait_for("app.py changed: reloading")
        wait_until(lambda: b"two" in seen, "the second version")
        server.change("def (")
        server.wait_for("SyntaxError")
        server.wait_for("the old code keeps serving")
        del seen[:]
        wait_until(lambda: len(seen) > 5, "answers of the old code")
        assert set(seen) == {b"two"}
        server.change(source.replace("VERSION", "three"))
        wait_until(lambda: b"three" in seen, "the third version")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures, failures
    assert server.stop() == 0


def test_a_second_save_within_the_same_second(tmp_path, interface):
    """Bytecode is of a file with the same second and size: the new code has both of the old one."""
    source, second = SOURCES[interface], (1_700_000_000, 1_700_000_000)
    file, new = tmp_path / "app.py", tmp_path / "app.py.new"
    file.write_text(source.replace("VERSION", "one"))
    os.utime(file, second)
    # Empty is as if they were not set.
    env = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": ""}
    with ServerProcess(["dev", "app:app", "--bind", "127.0.0.1:0"], cwd=tmp_path, env=env) as server:
        assert version(server) == b"one"
        assert list(tmp_path.rglob("app.*.pyc")), "there is bytecode"
        new.write_text(source.replace("VERSION", "two"))
        os.utime(new, second)
        new.rename(file)
        server.wait_for("ready in")
        # The old worker may still have a connection in its queue.
        wait_until(lambda: version(server) == b"two", "the new code")
        assert server.stop() == 0


def test_what_fails_at_first_is_shown_until_it_is_repaired(tmp_path):
    (tmp_path / "app.py").write_text("import nothing_of_this_name\n")
    with ServerProcess(["dev", "app:app", "--bind", "127.0.0.1:0"], cwd=tmp_path) as server:
        server.wait_for("waiting for a change")
        response = page(server, "/any/path")
        assert (response.status, response.header("content-type")) == (500, "text/html; charset=utf-8")
        assert b"nothing_of_this_name" in response.body
        assert b"data-error=" in response.body
        assert b"{{yett" not in response.body
        assert b"nothing_of_this_name" in get(server).body
        assert b"nothing_of_this_name" not in page(server, host="evil.example").body
        # Another mistake: the page is of that one.
        server.change("def (")
        wait_until(lambda: b"SyntaxError" in page(server).body, "the other error")
        server.change(ASGI)
        wait_until(lambda: page(server).body == b"VERSION", "the repaired application")
        assert server.stop() == 0


def test_a_wsgi_application_may_follow_the_page(tmp_path):
    (tmp_path / "app.py").write_text("1 / 0\n")
    with ServerProcess(["dev", "app:app", "--bind", "127.0.0.1:0"], cwd=tmp_path) as server:
        server.wait_for("waiting for a change")
        assert b"ZeroDivisionError" in page(server).body
        server.change(WSGI)
        wait_until(lambda: page(server).body == b"VERSION", "the repaired application")


def test_a_lifespan_that_fails_at_first(tmp_path):
    source = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        FAIL
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})
"""
    failing = 'return await send({"type": "lifespan.startup.failed", "message": "no database"})'
    (tmp_path / "app.py").write_text(source.replace("FAIL", failing))
    with ServerProcess(["dev", "app:app", "--bind", "127.0.0.1:0"], cwd=tmp_path) as server:
        server.wait_for("no database")
        assert b"no database" in page(server).body
        server.change(source.replace("FAIL", "pass"))
        wait_until(lambda: get(server).body == b"fine", "the repaired application")
        server.change(source.replace("FAIL", failing))
        server.wait_for("the old code keeps serving")
        assert get(server).body == b"fine"
        assert server.stop() == 0


def test_pages_do_not_stay_with_old_code_on_an_old_connection(develop, interface):
    source = SOURCES[interface]
    server = develop(source.replace("VERSION", "one"))
    with Client(server.port) as client:
        request = f"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\n\r\n".encode()
        client.send(request)
        assert client.response().body == b"one"
        server.change(source.replace("VERSION", "two"))
        server.wait_for("ready in")
        # The old worker is told at this moment; once it knows, it sends pages elsewhere, or has closed the connection.
        response = None
        while response is None or response.body == b"one":
            try:
                client.send(request)
                response = client.response()
            except (EOFError, ConnectionError):
                return
        assert (response.status, response.header("location")) == (307, "/a?b=c")
        assert response.header("connection") == "close"


def test_an_import_error_tells_of_the_users_own_code_only(develop):
    server = develop(ASGI)
    (server.folder / "helper.py").write_text("import json\njson.loads('{')\n")
    server.change("import helper\n" + ASGI)
    server.wait_for("the old code keeps serving")
    log = server.log
    assert "helper.py" in log
    assert "json/decoder.py" not in log
    assert "importlib" not in log


def test_what_is_said_at_the_start_and_at_the_end(develop):
    server = develop(ASGI)
    server.wait_for("Yett .* for development")
    server.wait_for(r"serving on http://127\.0\.0\.1:\d+")
    server.wait_for(r"watching .*\*\.py")
    server.wait_for("Ctrl-C")
    get(server, "/path")
    server.wait_for(r"^\d\d:\d\d:\d\d GET /path 200 ")
    get(server, "/__yett__/reload.js")
    get(server, "/after")
    server.wait_for("GET /after")
    assert "__yett__" not in server.log
    assert "\x1b" not in server.log  # nobody sees colours in a pipe
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_patterns(develop):
    server = develop(ASGI, "--reload-include", "*.py,*.txt", "--reload-exclude", "other/")
    (server.folder / "other").mkdir()
    (server.folder / "other" / "a.txt").write_text("1")
    (server.folder / "notes.txt").write_text("1")
    server.wait_for("notes.txt changed: reloading")
    assert "other" not in server.log


def test_several_workers_and_preload(develop):
    server = develop(ASGI.replace("VERSION", "one"), "--workers", "2", "--preload")
    assert version(server) == b"one"
    server.change(ASGI.replace("VERSION", "two"))
    server.wait_for("ready in")
    # Old workers may still have a connection in their queues.
    wait_until(lambda: {version(server) for _ in range(10)} == {b"two"}, "the new code everywhere")
    assert server.stop() == 0


def test_nothing_is_left_behind(develop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    server = develop(ASGI, env={"TMPDIR": str(folder)})
    assert list(folder.iterdir())
    get(server)
    server.change(ASGI + "\n")
    server.wait_for("ready in")
    assert server.stop() == 0
    assert not list(folder.iterdir())


def test_without_a_supervisor_errors_are_shown_all_the_same(develop):
    server = develop(ASGI.replace("await send(", "raise LookupError("), "--no-supervisor")
    server.wait_for("watching +nothing")
    assert b"LookupError" in page(server).body
    assert server.stop() == 0
