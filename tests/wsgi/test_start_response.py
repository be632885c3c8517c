"""`start_response`: status and headers, a second call, `exc_info`, and the `write` that it returns."""

import pytest

from support import Client
from support.peers import only_yett

SETUP = """
    import sys

    def failure():
        try:
            raise LookupError("the first error")
        except LookupError:
            return sys.exc_info()
"""


def ask(server, *fields, path="/"):
    with Client(server.port) as client:
        return client.get(path, *fields)


def fields_of(response, *names):
    return [(name, value) for name, value in response.fields if name.lower() in names]


# Status


@only_yett
@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("200 OK", "200 OK"),
        ("200 Fine", "200 Fine"),
        ("404 ", "404 "),
        ("299 Quite All Right", "299 Quite All Right"),
        ("599 caf\xe9", "599 caf\xe9"),
        ("299 two  spaces", "299 two  spaces"),
        ("418 Teapot", "418 "),
    ],
)
def test_the_status_line(serve, given, line):
    server = serve(
        f"""
        def app(environ, start_response):
            start_response({given!r}, [])
            return [b"ok"]
        """
    )
    response = ask(server)
    assert f"{response.status} {response.reason}".startswith(line)
    assert response.body == b"ok"


# Headers


@only_yett
def test_headers_go_out_in_order_and_as_they_were_written(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [
                ("X-One", "1"), ("set-cookie", "a=1"), ("X-ONE", "2"), ("Set-Cookie", "b=2; Path=/"),
                ("X-Latin", "\\xe9\\xff"), ("X-Empty", ""), ("X-Spaces", "a  b"), ("X!#$%&'*+.^_`|~", "odd"),
            ])
            return []
        """
    )
    response = ask(server)
    assert response.fields[:8] == [
        ("X-One", "1"),
        ("set-cookie", "a=1"),
        ("X-ONE", "2"),
        ("Set-Cookie", "b=2; Path=/"),
        ("X-Latin", "\xe9\xff"),
        ("X-Empty", ""),
        ("X-Spaces", "a  b"),
        ("X!#$%&'*+.^_`|~", "odd"),
    ]
    assert sorted(name for name, _ in response.fields[8:]) == ["content-length", "date", "server"]


@only_yett
def test_server_and_date_of_the_application_win(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [("SERVER", "mine"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")])
            return []
        """
    )
    response = ask(server)
    assert response.header("server") == "mine"
    assert response.header("date") == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_subclasses_will_do(serve):
    """Frameworks give marked strings, multi-dict lists and named tuples."""
    server = serve(
        """
        from typing import NamedTuple

        class Text(str): pass
        class Headers(list): pass
        class Header(NamedTuple):
            name: str
            value: str

        def app(environ, start_response):
            start_response(Text("200 OK"), Headers([Header(Text("X-One"), Text("1"))]))
            return [b"ok"]
        """
    )
    response = ask(server)
    assert (response.status, response.header("x-one"), response.body) == (200, "1", b"ok")


@only_yett
def test_the_list_is_read_when_it_is_given(serve):
    """What happens to it later means nothing; nor does the server change it."""
    server = serve(
        """
        headers = [("X-One", "1")]

        def app(environ, start_response):
            start_response("200 OK", headers)
            seen = repr(headers).encode()
            headers.append(("X-Two", "2"))
            try:
                return [seen]
            finally:
                headers.pop()
        """
    )
    for _ in range(2):
        response = ask(server)
        assert response.body == b"[('X-One', '1')]"
        assert response.header("x-two") is None


@only_yett
def test_connection_close_is_granted(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [("Connection", "close")])
            return [b"the last"]
        """
    )
    with Client(server.port) as client:
        response = client.get()
        assert response.body == b"the last"
        assert response.header("connection").lower() == "close"
        assert client.rest() == b""


def test_keywords(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response(status="200 OK", headers=[("X-One", "1")], exc_info=None)
            return [b"ok"]
        """
    )
    assert ask(server).header("x-one") == "1"


# exc_info


@only_yett
def test_exc_info_replaces_everything(serve):
    server = serve(
        f"""{SETUP}
    def app(environ, start_response):
        start_response("200 OK", [("X-First", "1"), ("Content-Length", "1000"), ("Content-Type", "text/html"),
                                  ("Server", "first"), ("Connection", "close")])
        start_response("500 Oops", [("X-Second", "2")], failure())
        return [b"replaced"]
    """
    )
    with Client(server.port) as client:
        for _ in range(2):
            response = client.get()
            assert (response.status, response.body) == (500, b"replaced")
            assert response.fields[0] == ("X-Second", "2")
            assert response.header("x-first") is None
            assert response.header("content-type") is None
            assert response.header("server") == "yett"
            assert response.header("content-length") == "8"
    # The application has dealt with the exception: nothing for the log.
    assert "LookupError" not in server.log


@only_yett
def test_exc_info_may_come_again_and_again(serve):
    server = serve(
        f"""{SETUP}
    def app(environ, start_response):
        start_response("500 A", [], failure())
        write = start_response("501 B", [("X-B", "1")], failure())
        start_response("503 C", [("X-C", "1")], failure())
        write(b"the first write will do")
        return []
    """
    )
    response = ask(server)
    assert (response.status, response.header("x-b"), response.header("x-c")) == (503, None, "1")
    assert response.body == b"the first write will do"


@pytest.mark.parametrize("begin", ["write(b'begun')", "yield b'begun'"])
def test_exc_info_is_raised_again_when_the_head_is_out(serve, begin):
    server = serve(
        f"""{SETUP}
    def app(environ, start_response):
        write = start_response("200 OK", [])
        {begin}
        error = failure()
        try:
            start_response("500 Oops", [], error)
        except LookupError as raised:
            print("the same:", raised is error[1], flush=True)
            frames = []
            frame = raised.__traceback__
            while frame:
                frames.append(frame.tb_frame.f_code.co_name)
                frame = frame.tb_next
            print("frames:", *frames, flush=True)
            raise
        yield b"never"
    """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises(EOFError):
            client.response()
    server.wait_for("the same: True")
    # That of the first raise is still to be seen.
    server.wait_for("frames: app.* failure")
    server.wait_for("LookupError: the first error")


@only_yett
def test_a_replacement_that_is_refused_changes_nothing(serve):
    server = serve(
        f"""{SETUP}
    def app(environ, start_response):
        start_response("200 OK", [("X-First", "1")])
        try:
            start_response("503 Oops", [("X-Good", "1"), ("X-Evil", "a\\r\\nb")], failure())
        except ValueError:
            pass
        return [b"went on"]
    """
    )
    response = ask(server)
    assert (response.status, response.body) == (200, b"went on")
    assert response.header("x-first") == "1"
    assert response.header("x-good") is None


@only_yett
def test_an_application_may_correct_its_mistake(serve):
    server = serve(
        """
        def app(environ, start_response):
            for wrong in [("200", []), ("200 OK", {}), ("200 OK", [("X-Good", "1"), ("X-Evil", "\\n")])]:
                try:
                    start_response(*wrong)
                except (TypeError, ValueError):
                    pass
            start_response("201 Created", [("X-Right", "1")])
            return [b"corrected"]
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            response = client.get()
            assert (response.status, response.body) == (201, b"corrected")
            assert response.fields[0] == ("X-Right", "1")
            assert response.header("x-good") is None


# write


def test_what_is_written_is_sent_at_once(serve):
    """While the application still runs: it waits for what the client does when it has the first piece."""
    server = serve(
        """
        import threading

        read = threading.Event()

        def app(environ, start_response):
            if environ["PATH_INFO"] == "/read":
                read.set()
                start_response("200 OK", [])
                return [b"noted"]
            write = start_response("200 OK", [])
            write(b"first")
            assert read.wait(30)
            write(b"second")
            return [b"third"]
        """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        assert ask(server, path="/read").body == b"noted"
        assert client.read(11) == b"6\r\nsecond\r\n"
        assert client.read(15) == b"5\r\nthird\r\n0\r\n\r\n"


@only_yett
def test_write_returns_nothing_and_sends_nothing_of_nothing(serve):
    server = serve(
        """
        import sys

        def app(environ, start_response):
            write = start_response("200 OK", [])
            result = write(b"")
            try:
                raise LookupError
            except LookupError:
                # The head is still to be had: an empty string sends nothing.
                start_response("503 Service Unavailable", [], sys.exc_info())
            write(repr((result, write(b"x"))).encode())
            return []
        """
    )
    response = ask(server)
    assert (response.status, response.body) == (503, b"x(None, None)")


@only_yett
def test_late_calls_do_no_harm(serve):
    """Of a request that is over: neither is the next response changed, nor is anything sent."""
    server = serve(
        """
        kept = []

        def app(environ, start_response):
            failures = []
            for function in kept:
                try:
                    function()
                except RuntimeError:
                    failures.append("RuntimeError")
            kept.clear()
            write = start_response("200 OK", [])
            kept.append(lambda: write(b"late"))
            kept.append(lambda: start_response("500 Late", []))
            kept.append(lambda: environ["wsgi.early_hints"]([("X-Late", "1")]))
            return [" ".join(failures).encode()]
        """,
        "--threads",
        "1",
    )
    with Client(server.port) as client:
        assert client.get().body == b""
        for _ in range(3):
            response = client.get()
            assert response.status == 200
            assert response.body.count(b"RuntimeError") >= 2
            assert b"late" not in response.body
