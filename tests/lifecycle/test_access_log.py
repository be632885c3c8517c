"""The access log: one line for each outcome, in a format that programs read and clients cannot forge."""

import re

import pytest

from support import Client

APP = """
    import asyncio

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/read":
            while (await receive()).get("more_body"):
                pass
        if path == "/fail":
            raise RuntimeError("as asked")
        if path == "/wait":
            print("waiting", flush=True)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.start", "status": 404 if path == "/missing" else 200})
        if path == "/stream":
            await send({"type": "http.response.body", "body": b"12345", "more_body": True})
            await send({"type": "http.response.body", "body": b"67", "more_body": True})
        if path == "/broken":
            await send({"type": "http.response.body", "body": b"12345", "more_body": True})
            raise RuntimeError("as asked")
        await send({"type": "http.response.body", "body": b"hello"})
"""
LINE = re.compile(
    r"(?P<host>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+) (?P<seconds>\d+\.\d{6})'
)


class Log:
    """Reads the lines of the log as they come."""

    def __init__(self, server, path) -> None:
        self.server, self.path, self.seen = server, path, 0

    def next(self) -> tuple[str, int, str]:
        """The next line: request, status, bytes."""
        with Client(self.server.port) as client:
            for _ in range(1000):
                lines = self.path.read_text().splitlines()
                if len(lines) > self.seen:
                    break
                client.socket.settimeout(0.01)
                with pytest.raises(TimeoutError):
                    client.read(1)
            else:
                raise AssertionError("no line came")
        line = LINE.fullmatch(lines[self.seen])
        assert line, lines[self.seen]
        self.seen += 1
        assert line["host"] == "127.0.0.1"
        assert float(line["seconds"]) < 20
        return line["request"], int(line["status"]), line["bytes"]


@pytest.fixture
def server(serve):
    return serve(APP, "--lifespan", "off", "--access-log", "log")


@pytest.fixture
def log(server):
    return Log(server, server.folder / "log")


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def test_answers(client, log):
    for path, expected in [
        ("/", ("GET / HTTP/1.1", 200, "5")),
        ("/a%20b?c=d&e", ("GET /a%20b?c=d&e HTTP/1.1", 200, "5")),
        ("/missing", ("GET /missing HTTP/1.1", 404, "5")),
        ("/stream", ("GET /stream HTTP/1.1", 200, "12")),
        ("/fail", ("GET /fail HTTP/1.1", 500, "0")),
    ]:
        client.get(path)
        request, status, size = log.next()
        assert (request, status) == expected[:2]
        if status != 500:
            assert size == expected[2]
    client.begin("HEAD", "/")
    client.response(method="HEAD")
    assert log.next() == ("HEAD / HTTP/1.1", 200, "0")
    client.send(b"POST /read HTTP/1.0\r\nContent-Length: 2\r\n\r\nab")
    client.response()
    assert log.next() == ("POST /read HTTP/1.0", 200, "5")


def test_what_goes_wrong(server, log):
    with Client(server.port) as client, pytest.raises(EOFError):
        client.get("/broken")
    assert log.next() == ("GET /broken HTTP/1.1", 200, "5")
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        server.wait_for("waiting")
        client.reset()
    assert log.next()[:2] == ("GET /wait HTTP/1.1", 499), "the client left before its answer"
    with Client(server.port) as client:
        client.begin("POST", "/read", "Transfer-Encoding: chunked")
        client.send(b"bad\r\nx")
        client.finish_sending()
        assert client.response().status == 400
    assert log.next()[:2] == ("POST /read HTTP/1.1", 400), "the client was told so"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"BAD\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
    ],
)
def test_a_refused_request_has_a_line(server, log, sent, status):
    with Client(server.port) as client:
        client.send(sent)
        assert client.response().status == status
    request, logged, _ = log.next()
    assert (request, logged) == ("-", status)


@pytest.mark.parametrize(
    "target",
    [
        '/" 200 5 0.000001',
        "/\\",
        '/\\"',
        "/%0a127.0.0.1 - - [",
        '/"',
        "/%22%0d%0a",
        "/\x1b[31m",
        "/\n127.0.0.1",
        "/ü",
    ],
)
def test_a_hostile_target_cannot_forge_a_line(server, log, target):
    """Neither end its field nor begin another line; what is no target is refused anyway."""
    with Client(server.port) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        client.response()
        request, *_ = log.next()
        assert request == "-" or '"' not in re.sub(r"\\.", "", request)
    with Client(server.port) as client:
        client.get("/after")
        assert log.next() == ("GET /after HTTP/1.1", 200, "5")


def test_lines_in_the_order_of_a_pipeline(client, log):
    for number in range(50):
        client.begin("GET", f"/{number}")
    for _ in range(50):
        assert client.response().status == 200
    assert [log.next()[0] for _ in range(50)] == [f"GET /{number} HTTP/1.1" for number in range(50)]


@pytest.mark.parametrize("option", [["--access-log"], ["--access-log", "-"], ["--access-log=-"]])
def test_to_standard_output(serve, option):
    server = serve(APP, "--lifespan", "off", *option)
    with Client(server.port) as client:
        client.get("/here")
    line = server.wait_for(r'127\.0\.0\.1 - - .*"GET /here HTTP/1.1" 200 5 0\.\d{6}$')
    assert LINE.fullmatch(line.string)


def test_off_by_default(serve):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client:
        client.get("/here")
    assert server.stop() == 0
    assert "/here" not in server.log


def test_the_file_is_appended_to(serve, tmp_path):
    (tmp_path / "log").write_text("before\n")
    server = serve(APP, "--lifespan", "off", "--access-log", "log")
    with Client(server.port) as client:
        client.get("/here")
    assert server.stop() == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "before"
    assert len(lines) == 2


def test_over_a_unix_socket_there_is_no_address(serve, tmp_path):
    server = serve(APP, "--lifespan", "off", "--access-log", "log", "--bind", "unix:socket")
    with Client(str(tmp_path / "socket")) as client:
        client.get("/here")
    assert server.stop() == 0
    assert (tmp_path / "log").read_text().startswith("- - - [")
