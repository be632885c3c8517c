"""What an application returns: how it is sent, in which pieces and with which length."""

import pytest

from support import Client
from support.peers import only_yett
from support.wait import wait_until

STREAM = """
    import threading

    steps = {}

    def step(name):
        return steps.setdefault(name, threading.Event())

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/step/"):
            step(path[6:]).set()
            start_response("200 OK", [])
            return [b"noted"]
        start_response("200 OK", [])
        return items()
"""


def ask_whole(server, path):
    with Client(server.port) as client:
        client.begin("GET", path)
        try:
            response = client.response()
        except (EOFError, ConnectionError):
            return "cut", b""
        return response.status, response.body


def take_step(server, name):
    with Client(server.port) as client:
        assert client.get(f"/step/{name}").body == b"noted"


# Pieces


def test_each_item_is_on_its_way_before_the_next_is_asked_for(serve):
    """PEP 3333, «Buffering and Streaming»."""
    server = serve(
        STREAM
        + """
    def items():
        for number in range(3):
            yield b"item %d" % number
            assert step(str(number)).wait(30)
    """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        client.head()
        for number in range(3):
            assert client.read(11) == b"6\r\nitem %d\r\n" % number
            take_step(server, str(number))
        assert client.read(5) == b"0\r\n\r\n"


def test_http_1_0_has_no_chunks(serve):
    server = serve(
        STREAM
        + """
    def items():
        for number in range(3):
            yield b"item %d" % number
            assert step(str(number)).wait(30)
    """
    )
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head = client.head().lower()
        assert "transfer-encoding" not in head
        assert "content-length" not in head
        for number in range(3):
            assert client.read(6) == b"item %d" % number
            take_step(server, str(number))
        assert client.rest() == b""


@only_yett
def test_nothing_is_sent_for_empty_strings(serve):
    """Not even the head: the application may still change its mind."""
    server = serve(
        STREAM
        + """
    def items():
        yield b""
        assert step("go").wait(30)
        yield b"something"
        yield b""
        yield b""
        assert step("end").wait(30)
    """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        take_step(server, "other")
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.socket.recv(1)
        client.socket.settimeout(30)
        take_step(server, "go")
        client.head()
        assert client.read(14) == b"9\r\nsomething\r\n"
        take_step(server, "end")
        assert client.read(5) == b"0\r\n\r\n"


# Lengths


@only_yett
@pytest.mark.parametrize(
    "result",
    ['[b"abc"]', '(b"abc",)', '[b"a", b"bc"]', "OneOfItsOwn()", "Subclass([b'abc'])"],
)
def test_where_the_length_is_known_it_is_told(serve, result):
    """PEP 3333, «Handling the Content-Length Header»: of a result of one item too, whatever its class."""
    server = serve(
        f"""
        class OneOfItsOwn:
            def __len__(self): return 1
            def __iter__(self): return iter([b"abc"])

        class Subclass(list): pass

        def app(environ, start_response):
            start_response("200 OK", [])
            return {result}
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            response = client.get()
            assert response.header("content-length") == "3"
            assert response.body == b"abc"


@only_yett
def test_a_length_that_lies_is_not_believed(serve):
    """`__len__` is the application's; the framing must hold whatever it says."""
    server = serve(
        """
        class Liar:
            def __init__(self, length): self.length = length
            def __len__(self): return self.length
            def __iter__(self): return iter([b"one", b"two"])

        def app(environ, start_response):
            start_response("200 OK", [])
            return Liar(int(environ["PATH_INFO"][1:]))
        """
    )
    with Client(server.port) as client:
        for length in (0, 2, 100):
            assert client.get(f"/{length}").body == b"onetwo"
    with Client(server.port) as client:
        client.begin("GET", "/1")
        assert client.response().body in (b"one", b"onetwo")
    with Client(server.port) as client:
        assert client.get("/2").body == b"onetwo"


@only_yett
@pytest.mark.parametrize("result", ["[b'12345', b'67890']", "iter([b'12345', b'67890'])"])
@pytest.mark.parametrize("length", ["7", "5", "0"])
def test_more_than_the_content_length_is_cut(serve, result, length):
    server = serve(
        f"""
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "{length}")])
            return {result}
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().body == b"1234567890"[: int(length)]
    server.wait_for("WARNING: .*Content-Length")


@only_yett
@pytest.mark.parametrize("result", ["[b'12345']", "iter([b'12345'])", "[]", "iter(())"])
def test_fewer_than_the_content_length_close_the_connection(serve, result):
    server = serve(
        f"""
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "7")])
            return {result}
        """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises(EOFError):
            client.response()
    server.wait_for("ERROR: GET /.*Content-Length")


@only_yett
def test_a_content_length_of_zero(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "0")])
            return iter(())
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().header("content-length") == "0"


# Responses without a body


@only_yett
@pytest.mark.parametrize("result", ["[b'body']", "iter([b'bo', b'dy'])", "written()"])
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_content(serve, status, result):
    server = serve(
        f"""
        def app(environ, start_response):
            write = start_response("{status}", [("ETag", '"1"')])
            def written():
                write(b"body")
                return []
            return {result}
        """
    )
    with Client(server.port) as client:
        for _ in range(3):
            response = client.get()
            assert response.status == int(status[:3])
            assert response.header("etag") == '"1"'
            assert response.header("transfer-encoding") is None
            if status.startswith("204"):
                assert response.header("content-length") is None
    server.wait_for("WARNING: ")


@only_yett
def test_the_length_of_a_304_is_that_of_the_200(serve):
    """RFC 9110 §8.6 allows it, and it is no short body."""
    server = serve(
        """
        def app(environ, start_response):
            start_response("304 Not Modified", [("Content-Length", "1000")])
            return []
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().header("content-length") == "1000"
    assert server.stop() == 0
    assert "Content-Length" not in server.log


@only_yett
@pytest.mark.parametrize(
    ("headers", "result", "length"),
    [
        ("[]", "[b'body']", "4"),
        ("[]", "[]", None),  # GET may have a body: many frameworks leave it out themselves
        ("[('Content-Length', '1000')]", "[]", "1000"),
        ("[('Content-Length', '4')]", "iter([b'body'])", "4"),
        ("[('Content-Length', '4')]", "iter(())", "4"),
    ],
)
def test_head_has_the_length_but_no_body(serve, headers, result, length):
    server = serve(
        f"""
        def app(environ, start_response):
            start_response("200 OK", {headers})
            return {result}
        """
    )
    with Client(server.port) as client:
        for _ in range(3):
            client.begin("HEAD", "/")
            response = client.response(method="HEAD")
            assert response.header("content-length") == length
    assert server.stop() == 0
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


@only_yett
def test_head_runs_the_application_to_its_end(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            yield b"begun"
            yield b"x" * 1000000
            print("ran to its end", flush=True)
        """
    )
    with Client(server.port) as client:
        client.begin("HEAD", "/")
        client.response(method="HEAD")
        server.wait_for("ran to its end")
        client.begin("HEAD", "/")
        client.response(method="HEAD")


# Memory


@only_yett
def test_the_application_may_reuse_what_it_yields(serve):
    """Items are bytes, which nobody can change; nothing is kept of them when they are sent."""
    server = serve(
        """
        import gc, sys

        PIECE = bytes(range(256)) * 4096

        def app(environ, start_response):
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/count":
                gc.collect()
                return [str(sys.getrefcount(PIECE)).encode()]
            return (PIECE for _ in range(4))
        """
    )
    before = ask_whole(server, "/count")
    for _ in range(3):
        assert ask_whole(server, "/") == (200, bytes(range(256)) * 4096 * 4)
    # The thread that has sent the last piece may let go of it after the client has it.
    wait_until(lambda: ask_whole(server, "/count") == before, "nothing is kept of what was sent")
