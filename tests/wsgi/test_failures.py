"""Applications that fail: what the client gets, what the log says, once, and that everything else goes on."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

# An application that sends `some` of its response, by one of three ways, and then runs `end`.
SETUP = """
    import sys

    class Odd(BaseException):
        pass

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/fine":
            start_response("200 OK", [])
            return [b"fine"]
        return fail(environ, start_response)
"""
WAYS = {
    "call": """
    def fail(environ, start_response):
        {start}
        {written}
        end()
    """,
    "generator": """
    def fail(environ, start_response):
        {start}
        {yielded}
        end()
        yield b"never"
    """,
    "iterator": """
    class Items:
        sent = {sent}
        def __iter__(self): return self
        def __next__(self):
            if self.sent:
                self.sent = False
                return b"part"
            end()
        def close(self): print("closed", flush=True)
    def fail(environ, start_response):
        {start}
        return Items()
    """,
}
SOME = ["nothing", "start", "part"]


@pytest.fixture
def serve_failing(serve):
    def start(way, some, end, *options, **more):
        source = WAYS[way].format(
            start="pass" if some == "nothing" else 'write = start_response("200 OK", [("X-Mine", "1")])',
            written="write(b'part')" if some == "part" else "pass",
            yielded="yield b'part'" if some == "part" else "pass",
            sent=some == "part",
        )
        return serve(f"{SETUP}\n{source}\n    def end(): {end}\n", *options, **more)

    return start


def assert_lives(server):
    with Client(server.port) as other:
        assert other.get("/fine").body == b"fine"


def log_of(server):
    """All that the server has said, at its end."""
    assert server.stop() == 0
    return server.log


@pytest.mark.parametrize("some", ["nothing", "start"])
@pytest.mark.parametrize("way", WAYS)
def test_before_the_head_it_is_500_and_the_traceback_once(serve_failing, way, some):
    server = serve_failing(way, some, "raise LookupError('broken')")
    with Client(server.port) as client:
        response = client.get("/fails?a=b")
        assert response.status == 500
        assert response.header("x-mine") is None
        assert b"broken" not in response.body
        assert client.get("/fine").body == b"fine", "the connection lives on"
    log = log_of(server)
    assert log.count("LookupError: broken") == 1
    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("GET /fails") == 1
    assert "in end" in log
    assert log.count("closed") == (way == "iterator")


@pytest.mark.parametrize("way", WAYS)
def test_after_the_head_the_client_notices(serve_failing, way):
    server = serve_failing(way, "part", "raise LookupError('broken')")
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises(EOFError):
            client.response()
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        # Without chunks a proper end of the connection would be the end of the body.
        with pytest.raises(ConnectionResetError):
            client.rest()
    assert_lives(server)
    log = log_of(server)
    assert log.count("LookupError: broken") == 2
    assert log.count("closed") == (2 if way == "iterator" else 0)


def test_after_the_head_with_a_length_too(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "10")])
            yield b"12345"
            raise LookupError("broken")
        """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        assert "200" in client.head()
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(10)
    server.wait_for("LookupError: broken")


@pytest.mark.parametrize(
    "end",
    [
        "raise SystemExit(7)",
        "sys.exit()",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "raise Odd",
        "raise StopAsyncIteration",
        "raise MemoryError",
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_exceptions_that_are_none(serve_failing, way, end):
    """What would end a program, or a thread, ends a request; the server lives."""
    server = serve_failing(way, "nothing", end, "--threads", "2")
    # More often than there are threads, so that none has ended.
    for _ in range(5):
        with Client(server.port) as client:
            assert client.get("/").status == 500
            assert client.get("/fine").body == b"fine"
    log = log_of(server)
    name = end.split()[-1].split("(")[0].replace("sys.exit", "SystemExit")
    assert log.count("Traceback (most recent call last)") == 5
    assert log.count("in end") == 5
    assert name in log
    assert "Exception in thread" not in log
    assert log.count("closed") == (5 if way == "iterator" else 0)


@pytest.mark.parametrize("end", ["raise SystemExit(7)", "raise KeyboardInterrupt"])
def test_after_the_head_as_well(serve_failing, end):
    server = serve_failing("generator", "part", end)
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises(EOFError):
            client.response()
    assert_lives(server)
    assert log_of(server).count("in end") == 1


def test_stop_iteration(serve):
    """Raised by an iterator it is the end of the body; by a call it is an exception as others."""
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/call":
                raise StopIteration
            return iter(lambda: b"x" if items.pop() else next(iter(())), None)

        items = [False, True]
        """
    )
    with Client(server.port) as client:
        assert client.get("/").body == b"x"
        assert client.get("/call").status == 500


def test_iter_itself_fails(serve):
    server = serve(
        """
        class Items:
            def __iter__(self): raise LookupError("no iterator")
            def close(self): print("closed", flush=True)

        def app(environ, start_response):
            start_response("200 OK", [])
            return Items()
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().status == 500
    log = log_of(server)
    assert log.count("LookupError: no iterator") == log.count("closed") == 2


def test_close_cannot_be_looked_up(serve):
    server = serve(
        """
        class Items:
            def __iter__(self): return iter([b"whole"])
            @property
            def close(self): raise LookupError("no close")

        def app(environ, start_response):
            start_response("200 OK", [])
            return Items()
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().body == b"whole"
    assert log_of(server).count("LookupError: no close") == 2


def test_chained_exceptions_and_groups_are_shown_whole(serve):
    server = serve(
        """
        def app(environ, start_response):
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise ExceptionGroup("several", [ValueError("one"), TypeError("two")]) from error
        """
    )
    with Client(server.port) as client:
        assert client.get().status == 500
    log = log_of(server)
    for text in (
        "KeyError: 'inner'",
        "direct cause",
        "several (2 sub-exceptions)",
        "| ValueError: one",
        "| TypeError: two",
    ):
        assert log.count(text) == 1


def test_an_exception_whose_text_cannot_be_made(serve):
    server = serve(
        """
        class Rude(Exception):
            def __str__(self):
                raise RuntimeError

        def app(environ, start_response):
            raise Rude("no")
        """
    )
    with Client(server.port) as client:
        assert client.get().status == 500
        assert client.get().status == 500
    assert "Rude" in log_of(server)


def test_deep_recursion(serve):
    server = serve(
        """
        def app(environ, start_response):
            if environ["PATH_INFO"] == "/fine":
                start_response("200 OK", [])
                return [b"fine"]
            return app(environ, start_response)
        """
    )
    with Client(server.port) as client:
        assert client.get("/").status == 500
        assert client.get("/fine").body == b"fine"
    assert "RecursionError" in log_of(server)


def test_a_path_cannot_forge_a_line_of_the_log(serve):
    server = serve(
        """
        def app(environ, start_response):
            environ["REQUEST_METHOD"] = "GET\\nERROR: forged"
            environ["RAW_URI"] = "\\x1b[31m"
            raise LookupError
        """
    )
    with Client(server.port) as client:
        assert client.get("/%0AERROR:%20forged%1b[31m").status == 500
    log = log_of(server)
    assert "LookupError" in log
    assert not [line for line in log.splitlines() if line.startswith("ERROR: forged")]
    assert "\x1b" not in log


def test_a_body_that_was_not_read_does_not_matter(serve_failing):
    """The 500 arrives whole, and the connection is closed properly or lives on."""
    server = serve_failing("call", "nothing", "raise LookupError", "--no-request-buffering")
    for size in (10, 100_000, 2_000_000):
        with Client(server.port) as client:
            client.begin("POST", "/", f"Content-Length: {size}")
            client.send(b"x" * (size // 2))
            assert client.response().status == 500
    assert_lives(server)


def test_debug_mode_of_python(serve_failing):
    """PYTHONDEVMODE=1 would tell of what was not closed, or closed twice, and checks memory."""
    server = serve_failing("iterator", "part", "raise LookupError('broken')", env={"PYTHONDEVMODE": "1"})
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises(EOFError):
            client.response()
    assert_lives(server)
    log = log_of(server)
    assert "Warning" not in log
    assert "Fatal" not in log
