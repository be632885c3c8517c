"""Messages that are wrong: the exception is raised at the line that sent them, and says what is wrong."""

import linecache
import re
import traceback

import pytest

from support.asgi import Outbox, piece, respond, start

HEAD = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"x"}
MORE = {**BODY, "more_body": True}
END = {"type": "http.response.body"}
TRAILERS = {"type": "http.response.trailers"}

# What is sent, the last message being the wrong one; the exception; and words of its text.
CASES = {
    "not a dict": ([["type"]], TypeError, "message of type dict, not list"),
    "nothing": ([None], TypeError, "dict, not NoneType"),
    "no type": ([{}], KeyError, "no 'type'"),
    "type of bytes": ([{"type": b"http.response.start"}], TypeError, "'type' must be str, not bytes"),
    "unknown type": ([{"type": "http.response.stat"}], ValueError, '"http.response.stat"'),
    "other protocol's type": (
        [{"type": "websocket.send"}],
        ValueError,
        "\"websocket.send\".*scope of type 'http'",
    ),
    "no status": (
        [{"type": "http.response.start"}],
        KeyError,
        "http.response.start: the message has no 'status'",
    ),
    "status of str": ([{**HEAD, "status": "200"}], TypeError, "'status' must be int, not str"),
    "status of bool": ([{**HEAD, "status": True}], TypeError, "'status' must be int, not bool"),
    "status of None": ([{**HEAD, "status": None}], TypeError, "'status' must be int, not NoneType"),
    "status too small": ([{**HEAD, "status": 99}], ValueError, "99"),
    "status too large": ([{**HEAD, "status": 1000}], ValueError, "1000"),
    "status interim": ([{**HEAD, "status": 101}], ValueError, "101"),
    "status huge": ([{**HEAD, "status": 2**80}], (TypeError, ValueError), "status"),
    "status negative": ([{**HEAD, "status": -1}], (TypeError, ValueError), "status"),
    "headers of int": ([{**HEAD, "headers": 1}], TypeError, "'headers' must be .*pairs of bytes, not int"),
    "headers of dict": ([{**HEAD, "headers": {b"a": b"b"}}], TypeError, "'headers' must be .*, not dict"),
    "headers of None": ([{**HEAD, "headers": None}], TypeError, "'headers' must be .*, not NoneType"),
    "header of one": ([{**HEAD, "headers": [(b"a",)]}], TypeError, "'headers' must be .*pairs.* tuple"),
    "header of three": ([{**HEAD, "headers": [(b"a", b"b", b"c")]}], TypeError, "'headers' must be .*pairs"),
    "header name of str": (
        [{**HEAD, "headers": [("x-a", b"b")]}],
        TypeError,
        "name must be bytes, not str .*'x-a'",
    ),
    "header value of str": (
        [{**HEAD, "headers": [(b"x-a", "b")]}],
        TypeError,
        "value of header b'x-a' must be bytes, not str",
    ),
    "header value of int": (
        [{**HEAD, "headers": [(b"content-length", 5)]}],
        TypeError,
        "b'content-length' .*not int",
    ),
    "header with CRLF": ([{**HEAD, "headers": [(b"x-evil", b"a\r\nx: b")]}], ValueError, "x-evil"),
    "header with LF": ([{**HEAD, "headers": [(b"x-evil", b"a\nb")]}], ValueError, "x-evil"),
    "header with NUL": ([{**HEAD, "headers": [(b"x-evil", b"a\0b")]}], ValueError, "x-evil"),
    "header name with colon": ([{**HEAD, "headers": [(b"x-evil:", b"a")]}], ValueError, "x-evil:"),
    "header name with space": ([{**HEAD, "headers": [(b"x evil", b"a")]}], ValueError, "x evil"),
    "header name empty": ([{**HEAD, "headers": [(b"", b"a")]}], ValueError, "name"),
    "content-length no number": (
        [{**HEAD, "headers": [(b"content-length", b"+1")]}],
        ValueError,
        "(?i)content-length",
    ),
    "content-length twice": (
        [{**HEAD, "headers": [(b"content-length", b"1"), (b"content-length", b"2")]}],
        ValueError,
        "(?i)content-length",
    ),
    "body first": ([BODY], RuntimeError, "http.response.body: .*has not started.*http.response.start first"),
    "trailers first": ([TRAILERS], RuntimeError, "http.response.trailers: .*has not started"),
    "start twice": ([HEAD, HEAD], RuntimeError, "http.response.start: .*started already"),
    "start after body": ([HEAD, MORE, HEAD], RuntimeError, "http.response.start: .*started already"),
    "body after the end": ([HEAD, BODY, BODY], RuntimeError, "http.response.body: .*complete already"),
    "start after the end": ([HEAD, BODY, HEAD], RuntimeError, "http.response.start: .*complete already"),
    "body of str": ([HEAD, {**BODY, "body": "text"}], TypeError, "'body' must be bytes, not str"),
    "body of None": ([HEAD, {**BODY, "body": None}], TypeError, "'body' must be bytes, not NoneType"),
    "later body of list": ([HEAD, MORE, {**BODY, "body": [1]}], TypeError, "'body' must be bytes, not list"),
    "trailers not promised": ([HEAD, MORE, TRAILERS], RuntimeError, '"trailers": True'),
    "trailers too early": (
        [{**HEAD, "trailers": True}, MORE, TRAILERS],
        RuntimeError,
        "the body is not complete",
    ),
    "body instead of trailers": (
        [{**HEAD, "trailers": True}, END, END],
        RuntimeError,
        "http.response.trailers is due",
    ),
    "hint after start": (
        [HEAD, {"type": "http.response.early_hint", "links": []}],
        RuntimeError,
        "must come before",
    ),
    "hint without links": ([{"type": "http.response.early_hint"}], KeyError, "no 'links'"),
    "hint of str": (
        [{"type": "http.response.early_hint", "links": ["</a>"]}],
        TypeError,
        "'links' must be .*bytes.*str",
    ),
    "hint with CRLF": (
        [{"type": "http.response.early_hint", "links": [b"</a>\r\nx: y"]}],
        ValueError,
        "link",
    ),
    "pathsend without path": ([HEAD, {"type": "http.response.pathsend"}], KeyError, "no 'path'"),
    "pathsend of int": (
        [HEAD, {"type": "http.response.pathsend", "path": 3}],
        TypeError,
        "'path' must be str, not int",
    ),
    "pathsend relative, of nothing": (
        [HEAD, {"type": "http.response.pathsend", "path": "no-file"}],
        FileNotFoundError,
        "no-file",
    ),
    "pathsend of nothing": (
        [HEAD, {"type": "http.response.pathsend", "path": "/no/file"}],
        FileNotFoundError,
        "/no/file",
    ),
    "pathsend of a folder": ([HEAD, {"type": "http.response.pathsend", "path": "/"}], OSError, ""),
    "pathsend after body": (
        [HEAD, MORE, {"type": "http.response.pathsend", "path": "/a"}],
        RuntimeError,
        "begun already",
    ),
    "zerocopysend without file": ([HEAD, {"type": "http.response.zerocopysend"}], KeyError, "no 'file'"),
    "zerocopysend of str": (
        [HEAD, {"type": "http.response.zerocopysend", "file": "a"}],
        TypeError,
        "'file' must be",
    ),
    "zerocopysend of a closed one": (
        [HEAD, {"type": "http.response.zerocopysend", "file": 987654}],
        OSError,
        "",
    ),
    "zerocopysend of negative": (
        [HEAD, {"type": "http.response.zerocopysend", "file": 0, "offset": -1}],
        TypeError,
        "'offset' must be",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_exception_names_the_mistake_and_its_line(connect, case):
    messages, kind, text = CASES[case]
    told = Outbox()

    async def app(scope, receive, send):
        for message in messages[:-1]:
            await send(message)
        try:
            await send(messages[-1])  # the wrong one
        except BaseException as error:
            told.put(error)
            raise

    client = connect(app)
    client.begin("GET", "/")
    error = told.get()
    assert isinstance(error, kind), repr(error)
    assert re.search(text, str(error)), str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert last.filename == __file__
    assert "# the wrong one" in linecache.getline(last.filename, last.lineno)


@pytest.mark.parametrize("message", [{}, {**HEAD, "headers": [(b"x-evil", b"a\r\nx: b")]}])
def test_without_await_too_the_line_that_sent_it_raises(connect, message):
    told = Outbox()

    async def app(scope, receive, send):
        try:
            send(message)
        except (KeyError, ValueError) as error:
            told.put(error)
        await respond(send)

    client = connect(app)
    assert client.get().status == 200
    told.get()


def test_wrong_arguments(connect):
    async def app(scope, receive, send):
        with pytest.raises(TypeError, match="receive"):
            await receive(1)
        with pytest.raises(TypeError, match="send"):
            await send()
        with pytest.raises(TypeError, match="send"):
            await send(HEAD, BODY)
        await respond(send)

    assert connect(app).get().status == 200


def test_an_application_may_correct_its_mistake(connect):
    """A refused message has no effect: what follows is judged as if it had not been sent."""

    async def app(scope, receive, send):
        with pytest.raises(ValueError, match="x-evil"):
            await start(send, 500, [(b"x-good", b"1"), (b"x-evil", b"\n")])
        await start(send, 200, [(b"x-right", b"1")])
        with pytest.raises(RuntimeError):
            await start(send, 500)
        with pytest.raises(TypeError):
            await send({**BODY, "body": "text"})
        await piece(send, b"one ")
        with pytest.raises(TypeError):
            await send({**BODY, "body": 5})
        await send({"type": "http.response.body", "body": b"two"})
        with pytest.raises(RuntimeError):
            await send(BODY)

    client = connect(app)
    for _ in range(2):
        response = client.get()
        assert (response.status, response.body) == (200, b"one two")
        assert [field[0] for field in response.fields if field[0].startswith("x-")] == ["x-right"]


def test_what_the_application_sees_while_its_message_is_read(connect):
    """Objects of the application run code while a message is read; it may even use `send` there."""

    class Headers:
        def __iter__(self):
            assert exchange is not None
            with pytest.raises(KeyError):
                exchange({})
            yield (b"x-one", b"1")

    exchange = None

    async def app(scope, receive, send):
        nonlocal exchange
        exchange = send
        await send({**HEAD, "headers": Headers()})
        await send(BODY)

    assert connect(app).get().header("x-one") == "1"
