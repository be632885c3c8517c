"""`close()` of a result: called once, whatever happens. (When clients leave: test_disconnect.py.)"""

import pytest

from support import Client
from support.peers import STAND_IN, only_yett

CLOSING = """
    import sys

    class Result:
        def __init__(self, items, close):
            self.items = items
            self.close_it = close

        def __iter__(self):
            return iter(self.items())

        def close(self):
            print("close:", self.close_it.__name__, flush=True)
            self.close_it()

    def fine(): pass
    def failing(): raise LookupError("while closing")
    def exiting(): raise SystemExit(9)

    def two_items():
        yield b"one "
        yield b"two"

    def none():
        return ()

    def fails_first():
        raise ValueError("before the first item")
        yield

    def fails_later():
        yield b"one "
        raise ValueError("before the second item")

    def text():
        yield b"one "
        yield "two"

    def app(environ, start_response):
        items, close = environ["PATH_INFO"][1:].split("/")
        if items != "no_start":
            start_response("200 OK", [])
        return Result(globals()["two_items" if items == "no_start" else items], globals()[close])
"""


def ask_whole(server, path):
    with Client(server.port) as client:
        client.begin("GET", path)
        try:
            response = client.response()
        except (EOFError, ConnectionError):
            return "cut", b""
        return response.status, response.body


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        ("two_items", (200, b"one two")),
        ("none", (200, b"")),
        ("fails_first", (500, None)),
        ("fails_later", ("cut", b"")),
        ("text", ("cut", b"")),
        ("no_start", (500, None)),
    ],
)
def test_close_is_called_once_whatever_happens(serve, items, answer):
    server = serve(CLOSING)
    status, body = ask_whole(server, f"/{items}/fine")
    assert status == answer[0]
    assert answer[1] is None or body == answer[1]
    server.wait_for("close: fine")
    server.stop()
    assert server.log.count("close: ") == 1


@pytest.mark.skipif(STAND_IN == "waitress", reason="swallows the exception")
@pytest.mark.parametrize("close", ["failing", "exiting"])
def test_an_exception_in_close_comes_too_late_to_matter(serve, close):
    server = serve(CLOSING)
    assert ask_whole(server, f"/two_items/{close}") == (200, b"one two")
    server.wait_for("LookupError: while closing" if close == "failing" else "SystemExit: 9")
    assert ask_whole(server, "/two_items/fine") == (200, b"one two")


@only_yett
def test_both_exceptions_are_logged_if_close_fails_too(serve):
    server = serve(CLOSING)
    assert ask_whole(server, "/fails_first/failing")[0] == 500
    server.wait_for("LookupError: while closing")
    server.wait_for("ValueError: before the first item")


@only_yett
def test_close_is_called_for_lists_with_a_close_too(serve):
    server = serve(
        """
        class Items(list):
            def close(self):
                print("closed", flush=True)

        def app(environ, start_response):
            start_response("200 OK", [])
            return Items([b"a", b"b"])
        """
    )
    assert ask_whole(server, "/") == (200, b"ab")
    server.wait_for("closed")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_close_is_called_where_there_is_no_body(serve, method, status):
    server = serve(
        f"""
        class Items:
            def __iter__(self): return iter(())
            def close(self): print("closed", flush=True)

        def app(environ, start_response):
            start_response("{status}", [])
            return Items()
        """
    )
    with Client(server.port) as client:
        client.begin(method, "/")
        client.response(method=method)
        server.wait_for("closed")
    server.stop()
    assert server.log.count("closed") == 1


def test_the_response_does_not_wait_for_close(serve):
    """What is left to do after a response is often done there."""
    server = serve(
        """
        import threading

        received = threading.Event()

        class Items:
            def __iter__(self): return iter([b"whole"])
            def close(self):
                assert received.wait(30)
                print("closed in time", flush=True)

        def app(environ, start_response):
            if environ["PATH_INFO"] == "/received":
                received.set()
            start_response("200 OK", [("Content-Length", "5")])
            return [b"noted"] if environ["PATH_INFO"] == "/received" else Items()
        """
    )
    assert ask_whole(server, "/") == (200, b"whole")
    assert ask_whole(server, "/received") == (200, b"noted")
    server.wait_for("closed in time")


def test_generators_are_closed_where_they_stand(serve):
    """GeneratorExit is raised at the yield, and `finally` runs at once, not when memory is tidied up."""
    server = serve(
        """
        kept = []

        def items():
            try:
                yield "not bytes"
            except TypeError:
                yield b"goes on"
            finally:
                print("finally", flush=True)

        def app(environ, start_response):
            start_response("200 OK", [])
            kept.append(items())
            return kept[-1]
        """
    )
    status, _ = ask_whole(server, "/")
    assert status == 500 or STAND_IN
    server.wait_for("finally")
