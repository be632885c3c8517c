"""Applications that fail: what the client gets, and what the log says, once."""

import re

import pytest

from support import Client

SETUP = """
    import asyncio
    HEAD = {"type": "http.response.start", "status": 200, "headers": []}
    MORE = {"type": "http.response.body", "body": b"part", "more_body": True}
    END = {"type": "http.response.body"}

    class Odd(BaseException):
        pass

    async def wait_a_turn():
        await asyncio.sleep(0)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["path"] == "/fine":
            await send(HEAD)
            await send({**END, "body": b"fine"})
            return
        await fail(scope, receive, send)

    async def fail(scope, receive, send):
        await send_some(send)
        await suspend()
        end()
"""
SOME = {"nothing": "pass", "start": "await send(HEAD)", "part": "await send(HEAD); await send(MORE)"}
SUSPEND = {"at once": "pass", "later": "await wait_a_turn()"}


@pytest.fixture(params=["asyncio", "uvloop"])
def serve_failing(request, serve):
    """A server of an application that sends `some`, suspends or not, and then runs `end`."""

    def start(some, suspend, end):
        source = f"{SETUP}\n    async def send_some(send): {SOME[some]}\n"
        source += f"    async def suspend(): {SUSPEND[suspend]}\n    def end(): {end}\n"
        return serve(source, "--loop", request.param, "--lifespan", "off")

    return start


def lines_of_log(server):
    """All that the server has said, at its end, without its greeting."""
    assert server.stop() == 0
    return [line for line in server.log.splitlines() if not re.search("serving on|SIGTERM: stopping", line)]


def assert_lives(server):
    with Client(server.port) as other:
        assert other.get("/fine").body == b"fine"


@pytest.mark.parametrize("suspend", SUSPEND)
@pytest.mark.parametrize("some", ["nothing", "start"])
def test_before_the_response_it_is_500_and_the_traceback_once(serve_failing, some, suspend):
    server = serve_failing(some, suspend, "raise LookupError('broken')")
    with Client(server.port) as client:
        response = client.get("/fails?a=b")
        assert response.status == 500
        assert b"broken" not in response.body
        assert client.get("/fine").body == b"fine", "the connection lives on"
    log = "\n".join(lines_of_log(server))
    assert log.count("LookupError: broken") == 1
    assert log.count("Traceback (most recent call last)") == 1
    assert "GET /fails" in log
    assert "in fail" in log
    assert "in end" in log


@pytest.mark.parametrize("suspend", SUSPEND)
def test_after_the_response_began_the_client_notices(serve_failing, suspend):
    server = serve_failing("part", suspend, "raise LookupError('broken')")
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
    assert "\n".join(lines_of_log(server)).count("LookupError: broken") == 2


@pytest.mark.parametrize("some", SOME)
@pytest.mark.parametrize("suspend", SUSPEND)
def test_returning_without_a_whole_response(serve_failing, some, suspend):
    server = serve_failing(some, suspend, "return")
    with Client(server.port) as client:
        client.begin("GET", "/unfinished")
        if some == "part":
            with pytest.raises(EOFError):
                client.response()
        else:
            assert client.response().status == 500
    assert_lives(server)
    (line,) = lines_of_log(server)
    assert "GET /unfinished: the application returned" in line
    assert {"nothing": "without sending", "start": "without a body", "part": "before the end"}[some] in line


@pytest.mark.parametrize("suspend", SUSPEND)
@pytest.mark.parametrize(
    "end",
    ["raise SystemExit(7)", "raise KeyboardInterrupt", "raise Odd('odd')", "raise asyncio.CancelledError"],
)
def test_exceptions_that_are_none(serve_failing, suspend, end):
    """What would end a program ends a request; the server lives."""
    server = serve_failing("nothing", suspend, end)
    for _ in range(2):
        with Client(server.port) as client:
            assert client.get("/").status == 500
            assert client.get("/fine").body == b"fine"
    assert_lives(server)
    log = "\n".join(lines_of_log(server))
    name = end.split()[1].split("(")[0].split(".")[-1]
    assert log.count("Traceback (most recent call last)") == 2
    assert log.count("in end") == 2
    assert name in log
    assert "never retrieved" not in log


@pytest.mark.parametrize("end", ["raise SystemExit(7)", "raise KeyboardInterrupt"])
def test_system_exit_when_a_body_arrives(serve, end):
    """The task goes on within the server's own callback then."""
    source = f"""{SETUP}
    def end(): {end}
    async def send_some(send): pass
    async def fail(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        end()
    """
    server = serve(source)
    with Client(server.port) as client:
        client.begin("POST", "/", "Content-Length: 4")
        client.send(b"ab")
        assert_lives(server)
        client.send(b"cd")
        assert client.response().status == 500
    assert_lives(server)
    assert "\n".join(lines_of_log(server)).count("in end") == 1


def test_after_the_whole_response_it_is_only_logged(serve):
    server = serve(
        """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"whole"})
            raise LookupError("afterwards")
        """
    )
    with Client(server.port) as client:
        assert client.get("/").body == b"whole"
        assert client.get("/").body == b"whole"
    log = "\n".join(lines_of_log(server))
    assert log.count("LookupError: afterwards") == 2


def test_calling_the_application_fails(serve):
    server = serve("def app(scope, receive, send): raise LookupError('called')", "--lifespan", "off")
    with Client(server.port) as client:
        assert client.get("/").status == 500
        assert client.get("/").status == 500
    assert "\n".join(lines_of_log(server)).count("LookupError: called") == 2


def test_an_application_that_returns_no_awaitable(serve):
    server = serve("def app(scope, receive, send): return 5", "--lifespan", "off")
    with Client(server.port) as client:
        assert client.get("/").status == 500
    log = "\n".join(lines_of_log(server))
    assert log.count("TypeError") == 1
    assert "await" in log


def test_chained_exceptions_and_groups_are_shown_whole(serve):
    server = serve(
        """
        async def app(scope, receive, send):
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise ExceptionGroup("several", [ValueError("one"), TypeError("two")]) from error
        """,
        "--lifespan",
        "off",
    )
    with Client(server.port) as client:
        assert client.get("/").status == 500
    log = "\n".join(lines_of_log(server))
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

        async def app(scope, receive, send):
            raise Rude("no")
        """,
        "--lifespan",
        "off",
    )
    with Client(server.port) as client:
        assert client.get("/").status == 500
        assert client.get("/").status == 500
    assert "Rude" in "\n".join(lines_of_log(server))


def test_a_path_cannot_forge_a_line_of_the_log(serve):
    server = serve("async def app(scope, receive, send): raise LookupError", "--lifespan", "off")
    with Client(server.port) as client:
        assert client.get("/%0AERROR:%20forged%1b[31m").status == 500
    log = lines_of_log(server)
    assert not [line for line in log if line.startswith("ERROR: forged")]
    assert "\x1b" not in "\n".join(log)


def test_the_wrong_header_is_named_in_the_log(serve):
    server = serve(
        """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-evil", b"a\\r\\nx: b")]})
        """,
        "--lifespan",
        "off",
    )
    with Client(server.port) as client:
        response = client.get("/")
        assert (response.status, response.header("x"), response.header("x-evil")) == (500, None, None)
    log = "\n".join(lines_of_log(server))
    assert log.count("x-evil") >= 1
    assert log.count("Traceback") == 1
