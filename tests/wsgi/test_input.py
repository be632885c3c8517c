"""`wsgi.input`: collected before the application runs, or read from the socket while it does."""

import json

import pytest

from support import Client
from support.peers import STAND_IN, only_yett
from support.usage import temporary_files

# The same must hold for both; the peers know one way only.
MODES = {"collected": [], "streaming": ["--no-request-buffering"]}
if STAND_IN:
    del MODES["streaming"]

APP = """
    import io, json

    CALLS = {}

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        answer = CALLS[environ["PATH_INFO"][1:]](stream)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [answer if isinstance(answer, bytes) else json.dumps(answer, default=bytes.decode).encode()]

    def call(function):
        CALLS[function.__name__] = function

    @call
    def read(stream): return [stream.read(), stream.read(), stream.read(5)]
    @call
    def read_none(stream): return [stream.read(None), stream.read(None)]
    @call
    def read_negative(stream): return [stream.read(-1), stream.read(-1)]
    @call
    def read_sizes(stream): return [stream.read(size) for size in (0, 1, 2, 0, 100000000, 1)]
    @call
    def readline(stream): return [stream.readline() for _ in range(7)]
    @call
    def readline_sizes(stream): return [stream.readline(size) for size in (2, 2, 100, 0, -1, None, 1)]
    @call
    def readlines(stream): return [stream.readlines(), stream.readlines()]
    @call
    def readlines_hint(stream): return [stream.readlines(5), stream.readlines(1), stream.readlines(0)]
    @call
    def iterate(stream): return [list(stream), list(stream)]
    @call
    def mixed(stream):
        return [stream.readline(), stream.read(2), next(iter(stream)), stream.read(1), stream.readlines()]
    @call
    def text(stream): return list(io.TextIOWrapper(stream, "utf-8", newline=""))
    @call
    def readinto(stream):
        buffer = bytearray(4)
        return [bytes(buffer[:stream.readinto(buffer)]) for _ in range(2)]
    @call
    def echo(stream): return stream.read()
    @call
    def echo_by_lines(stream): return b"".join(stream)
    @call
    def echo_by_pieces(stream): return b"".join(iter(lambda: stream.read(1000), b""))
    @call
    def nothing(stream): return "nothing"
    @call
    def some(stream): return stream.read(3)
"""
BODY = b"first\nse\xc3\xa9cond\r\n\nlast"
# What the calls above return for that body.
RESULTS = {
    "read": [BODY, b"", b""],
    "read_none": [BODY, b""],
    "read_negative": [BODY, b""],
    "read_sizes": [b"", b"f", b"ir", b"", BODY[3:], b""],
    "readline": [b"first\n", b"se\xc3\xa9cond\r\n", b"\n", b"last", b"", b"", b""],
    "readline_sizes": [b"fi", b"rs", b"t\n", b"", b"se\xc3\xa9cond\r\n", b"\n", b"l"],
    "readlines": [[b"first\n", b"se\xc3\xa9cond\r\n", b"\n", b"last"], []],
    "readlines_hint": [[b"first\n"], [b"se\xc3\xa9cond\r\n"], [b"\n", b"last"]],
    "iterate": [[b"first\n", b"se\xc3\xa9cond\r\n", b"\n", b"last"], []],
    "mixed": [b"first\n", b"se", b"\xc3\xa9cond\r\n", b"\n", [b"last"]],
    "text": [b"first\n", b"se\xc3\xa9cond\r\n", b"\n", b"last"],
    "readinto": [b"firs", b"t\nse"],
}
# Gunicorn's stream is no file object of `io`, and its readlines() knows no hint; Waitress' is one.
if STAND_IN == "gunicorn":
    for name in ("text", "readinto", "readlines_hint", "readline_sizes", "read_sizes", "mixed"):
        del RESULTS[name]


@pytest.fixture(scope="module", params=MODES)
def server(request, serve_source):
    return serve_source(APP, *MODES[request.param])


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def as_json(value):
    return json.loads(json.dumps(value, default=bytes.decode))


def in_chunks(body, size):
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "one chunk", "chunks of a byte"])
@pytest.mark.parametrize("name", RESULTS)
def test_every_way_to_read(client, name, framing):
    for _ in range(2):
        if framing == "length":
            response = client.request("POST", f"/{name}", body=BODY)
        else:
            client.begin("POST", f"/{name}", "Transfer-Encoding: chunked")
            client.send(in_chunks(BODY, 100 if framing == "one chunk" else 1))
            response = client.response()
        assert response.status == 200
        assert response.json() == as_json(RESULTS[name])


@pytest.mark.parametrize("name", sorted(RESULTS.keys() - {"mixed", "text"}))
def test_without_a_body_there_is_nothing_to_read(client, name):
    def emptied(value):
        return [emptied(item) for item in value] if isinstance(value, list) else b""

    nothing = {"iterate": [[], []], "readlines": [[], []], "readlines_hint": [[], [], []]}
    expected = as_json(nothing.get(name, emptied(RESULTS[name])))
    assert client.get(f"/{name}").json() == expected
    assert client.request("POST", f"/{name}").json() == expected
    client.begin("POST", f"/{name}", "Transfer-Encoding: chunked")
    client.send(b"0\r\n\r\n")
    assert client.response().json() == expected


# Around the border between memory and temporary file, which is at 64 KiB, and far beyond it.
@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 1_000_000, 9_000_000])
@pytest.mark.parametrize("way", ["echo", "echo_by_lines", "echo_by_pieces"])
def test_bodies_of_all_sizes(client, way, size):
    line = b"The quick brown fox jumps over the lazy dog.\n"
    body = (line * (size // len(line) + 1))[:size]
    assert client.request("POST", f"/{way}", body=body).body == body
    client.begin("POST", f"/{way}", "Transfer-Encoding: chunked")
    client.send(in_chunks(body, 100_000))
    assert client.response().body == body


@pytest.mark.parametrize("way", ["nothing", "some"])
def test_what_is_not_read_is_not_taken_for_the_next_request(server, way):
    """The connection either lives on behind the body, or is closed; it never takes the body for a request."""
    body = b"GET /forged HTTP/1.1\r\nHost: test\r\n\r\n" * 10
    with Client(server.port) as client:
        for _ in range(3):
            response = client.request("POST", f"/{way}", body=body)
            assert response.status == 200
            if response.header("connection") == "close":
                assert client.rest() == b""
                return
        client.begin("POST", f"/{way}", "Transfer-Encoding: chunked")
        client.send(in_chunks(body, 10))
        assert client.response().status == 200


def test_closing_it_harms_nobody(serve):
    """PEP 3333 forbids it; many do it all the same, by a TextIOWrapper that is collected."""
    server = serve(
        """
        def app(environ, start_response):
            environ["wsgi.input"].read()
            environ["wsgi.input"].close()
            start_response("200 OK", [])
            return [b"closed"]
        """
    )
    with Client(server.port) as client:
        for body in (b"", b"x", b"x" * 100_000, b""):
            assert client.request("POST", "/", body=body).body == b"closed"
            assert client.get().body == b"closed"


# What is collected, and when


@only_yett
def test_the_application_runs_when_the_body_is_there(serve):
    server = serve(
        """
        def app(environ, start_response):
            environ["wsgi.errors"].write("called\\n")
            start_response("200 OK", [])
            return [environ["wsgi.input"].read()]
        """
    )
    with Client(server.port) as slow, Client(server.port) as other:
        slow.begin("POST", "/", "Content-Length: 2")
        slow.send(b"a")
        assert other.get("/").status == 200  # a second turn of the server
        server.wait_for("called")
        assert server.log.count("called") == 1
        slow.send(b"b")
        assert slow.response().body == b"ab"


@only_yett
def test_it_can_be_rewound(serve_source):
    """Middleware does so after it has read, for whoever comes next; also if there was nothing."""
    source = """
    @call
    def rewound(stream):
        read = [stream.seekable(), stream.tell(), len(stream.read()), stream.tell()]
        return [*read, stream.seek(0), len(stream.read()), stream.seek(0, 2)]
    """
    server = serve_source(APP + source)
    with Client(server.port) as client:
        for size in (0, 1, 100_000):
            response = client.request("POST", "/rewound", body=b"x" * size)
            assert response.json() == [True, 0, size, size, 0, size, size]
        assert client.get("/rewound").json() == [True, 0, 0, 0, 0, 0, 0]


@only_yett
def test_more_uploads_than_threads(serve_source):
    """Uploads hold no thread: with one, ten of them are under way, and a request in between is answered."""
    server = serve_source(APP, "--threads", "1")
    clients = [Client(server.port) for _ in range(10)]
    for client in clients:
        client.begin("POST", "/echo", "Content-Length: 100000")
        client.send(b"x" * 70_000)
    with Client(server.port) as other:
        assert other.get("/nothing").json() == "nothing"
    for client in reversed(clients):
        client.send(b"y" * 30_000)
        assert client.response().body == b"x" * 70_000 + b"y" * 30_000
        client.close()


@only_yett
def test_streaming_means_that_the_application_runs_at_once(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            yield b"begun"
            yield environ["wsgi.input"].read(2)
            yield environ["wsgi.input"].readline()
            yield environ["wsgi.input"].read()
        """,
        "--no-request-buffering",
    )
    for framing, form in (("Content-Length: 10", b"%b"), ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n")):

        def send(data, form=form):
            client.send(form % ((len(data), data) if b"%x" in form else data))

        with Client(server.port) as client:
            client.begin("POST", "/", framing)
            client.head()
            assert client.read(10) == b"5\r\nbegun\r\n"
            send(b"abcd")
            assert client.read(7) == b"2\r\nab\r\n"
            send(b"e\n")
            assert client.read(9) == b"4\r\ncde\n\r\n"
            send(b"1234")
            if framing.startswith("Transfer"):
                client.send(b"0\r\n\r\n")
            assert client.read(14) == b"4\r\n1234\r\n0\r\n\r\n"
            assert client.get().status == 200


# Expect: 100-continue


@only_yett
def test_a_client_that_asks_is_told_to_continue(client):
    client.begin("POST", "/echo", "Content-Length: 2", "Expect: 100-continue")
    assert client.response().status == 100
    client.send(b"ab")
    assert client.response().body == b"ab"


@only_yett
def test_it_is_not_told_to_continue_if_nobody_reads(serve_source):
    server = serve_source(APP, "--no-request-buffering")
    with Client(server.port) as client:
        client.begin("POST", "/nothing", "Content-Length: 2", "Expect: 100-continue")
        response = client.response()
        assert response.json() == "nothing"
        assert response.header("connection") == "close"


# Clients that fail


@only_yett
def test_a_body_that_never_ends_is_never_seen(serve_source):
    """Collected: the client has gone before the application was called."""
    server = serve_source(APP.replace("CALLS = {}", "CALLS = {}; print('loaded', flush=True)"))
    for end in (Client.reset, Client.close):
        client = Client(server.port)
        client.begin("POST", "/echo", "Content-Length: 100000")
        client.send(b"x" * 70_000)
        end(client)
    with Client(server.port) as client:
        assert client.get("/nothing").json() == "nothing"
    server.stop()
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log


@only_yett
@pytest.mark.parametrize("end", [Client.reset, Client.close])
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_reading_from_a_client_that_has_gone(serve, end, framing):
    server = serve(
        """
        import yett

        def app(environ, start_response):
            try:
                environ["wsgi.input"].read()
            except yett.ClientDisconnected as error:
                assert isinstance(error, OSError)
                environ["wsgi.errors"].write("noticed\\n")
                raise
            start_response("200 OK", [])
            return [b"whole"]
        """,
        "--no-request-buffering",
    )
    client = Client(server.port)
    client.begin("POST", "/", framing)
    client.send(b"5\r\nabcde\r\n" if "chunked" in framing else b"abcde")
    end(client)
    server.wait_for("noticed")
    with Client(server.port) as client:
        assert client.request("POST", "/", body=b"x").body == b"whole"
    server.stop()
    assert "Traceback" not in server.log


@only_yett
@pytest.mark.parametrize("mode", MODES)
def test_a_broken_chunk(serve_source, mode):
    server = serve_source(APP, *MODES[mode])
    with Client(server.port) as client:
        client.begin("POST", "/echo", "Transfer-Encoding: chunked")
        client.send(b"3\r\nabcX")
        if mode == "collected":
            assert client.response().status == 400
        else:
            # The application was told; whether it still gets a word out is its business.
            assert b"abc" not in client.rest()
    with Client(server.port) as client:
        assert client.get("/nothing").json() == "nothing"


@only_yett
@pytest.mark.parametrize("mode", MODES)
def test_a_body_that_is_too_large(serve_source, mode):
    server = serve_source(APP, "--limit-body", "1000", *MODES[mode])
    with Client(server.port) as client:
        assert client.request("POST", "/echo", body=b"x" * 1000).body == b"x" * 1000
        client.begin("POST", "/echo", "Content-Length: 1001")
        assert client.response().status == 413
    with Client(server.port) as client:
        client.begin("POST", "/echo", "Transfer-Encoding: chunked")
        client.send(in_chunks(b"x" * 1001, 500))
        if mode == "collected":
            assert client.response().status == 413
        else:
            assert not client.rest().startswith(b"HTTP/1.1 200")


@only_yett
@pytest.mark.parametrize("mode", MODES)
def test_a_body_that_stops_coming(serve_source, mode):
    server = serve_source(APP, "--body-timeout", "300ms", *MODES[mode])
    with Client(server.port) as client:
        client.begin("POST", "/echo", "Content-Length: 10")
        client.send(b"abc")
        assert not client.rest().startswith(b"HTTP/1.1 200")
    with Client(server.port) as client:
        assert client.get("/nothing").json() == "nothing"


@only_yett
def test_it_may_be_read_no_longer_than_the_request_lasts(serve):
    """Not the next request's body, least of all."""
    server = serve(
        """
        kept = []

        def app(environ, start_response):
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/keep":
                kept.append(environ["wsgi.input"])
                return [kept[0].read(1)]
            try:
                return [b"late: " + kept[0].read()]
            except (RuntimeError, ValueError, OSError) as error:
                return [type(error).__name__.encode()]
        """,
        "--no-request-buffering",
        "--threads",
        "1",
    )
    with Client(server.port) as client:
        assert client.request("POST", "/keep", body=b"a").body == b"a"
        late = client.request("POST", "/", body=b"secret").body
        assert late in (b"late: ", b"RuntimeError", b"ValueError", b"OSError")


@only_yett
def test_descriptors_of_collected_bodies_are_closed(serve_source):
    """Also where the application keeps the stream, or fails."""
    source = APP + "\n    @call\n    def fails(stream): raise LookupError\n"
    source += "\n    kept = []\n    @call\n    def keeps(stream): kept.append(stream)\n"
    server = serve_source(source)
    with Client(server.port) as client:
        for way in ("echo", "some", "nothing", "fails", "keeps") * 3:
            client.request("POST", f"/{way}", body=b"x" * 100_000)
        client.get("/nothing")
        assert temporary_files(server.pid) == []
