"""What a request leaves behind: nothing. Blocks of memory are counted, so that one object per request is seen."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

APP = """
    import gc, io, os, sys, threading, weakref

    marks = weakref.WeakSet()
    local = threading.local()
    LARGE = bytes(100_000)

    class Mark:
        pass

    class Closing:
        def __init__(self, start_response):
            self.start_response = start_response
        def __iter__(self):
            yield b"part"
            yield b"end"
        def close(self):
            pass

    def plain(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"end"]

    def generator(environ, start_response):
        start_response("200 OK", [])
        yield b"part"
        yield LARGE
        yield b"end"

    def closing(environ, start_response):
        start_response("200 OK", [])
        return Closing(start_response)

    def write(environ, start_response):
        start_response("200 OK", [])(b"part")
        return [b"end"]

    def body(environ, start_response):
        assert len(environ["wsgi.input"].read()) == 100_000
        return plain(environ, start_response)

    def unread(environ, start_response):
        return plain(environ, start_response)

    def file(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))

    def blocks(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"end"))

    def hints(environ, start_response):
        environ["wsgi.early_hints"]([("Link", "</a>; rel=preload")])
        return plain(environ, start_response)

    def errors(environ, start_response):
        environ["wsgi.errors"].write("")
        return plain(environ, start_response)

    def cycle(environ, start_response):
        environ["self"], environ["start_response"] = environ, start_response
        environ["write"] = start_response("200 OK", [])
        return [b"end"]

    def raising(environ, start_response):
        environ["start_response"] = start_response
        raise LookupError

    def late(environ, start_response):
        start_response("200 OK", [])
        yield b"part"
        raise LookupError

    def wrong(environ, start_response):
        for status, headers in ((1, []), ("200", []), ("200 OK", [("a", 1)]), ("200 OK", [("Connection", "x")])):
            try:
                start_response(status, headers)
            except (TypeError, ValueError) as error:
                environ["error"] = error
        return plain(environ, start_response)

    def replaced(environ, start_response):
        start_response("200 OK", [])
        try:
            raise LookupError
        except LookupError:
            start_response("500 Sorry", [], sys.exc_info())
        return [b"end"]

    def leaves(environ, start_response):
        environ["start_response"] = start_response
        write = start_response("200 OK", [])
        try:
            while True:
                write(LARGE)
        except OSError as error:
            environ["error"] = error
            raise

    def leaves_generator(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield LARGE

    def stats(environ, start_response):
        for _ in range(3):
            gc.collect()
        with open("/proc/self/statm") as statm:
            rss = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        counts = [sys.getallocatedblocks(), len(gc.get_objects()), len(marks), rss]
        start_response("200 OK", [])
        return [repr(counts).encode()]

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path != "/stats":
            mark = environ["mark"] = Mark()
            marks.add(mark)
        return globals()[path[1:]](environ, start_response)
"""
SHAPES = [
    "plain",
    "generator",
    "closing",
    "write",
    "body",
    "unread",
    "file",
    "blocks",
    "hints",
    "errors",
    "cycle",
    "raising",
    "late",
    "wrong",
    "replaced",
]
LEAVING = ["leaves", "leaves_generator"]
# The connection ends with the response.
ENDING = ["late"]
# What the server keeps for reuse, and what Python does, may still come and go; one block per request would be 500.
REQUESTS = 500
BLOCKS = 125
MEMORY = 2 * 1024 * 1024
OPTIONS = {"one thread": ["--threads", "1"], "streaming": ["--threads", "2", "--no-request-buffering"]}


@pytest.fixture(scope="module", params=OPTIONS)
def server(request, serve_source):
    return serve_source(APP, *OPTIONS[request.param])


def stats(port: int) -> tuple[int, int, int]:
    with Client(port) as client:
        # The thread of a client that has left may still be at it.
        for _ in range(5000):
            blocks, objects, marks, memory = client.get("/stats").json()
            if marks == 0:
                return blocks, objects, memory
    raise AssertionError(f"of {marks} requests the environ is still there")


def requests(port: int, shape: str, count: int) -> None:
    with Client(port) as client:
        for _ in range(count):
            if shape in LEAVING + ENDING:
                with Client(port) as single:
                    single.begin("GET", f"/{shape}")
                    single.head()
                    if shape in LEAVING:
                        single.reset()
                    else:
                        single.rest()
            elif shape in ("body", "unread"):
                client.begin("POST", f"/{shape}", "Content-Length: 100000")
                client.send(bytes(100_000))
                assert client.response().status == 200
            elif shape == "hints":
                client.begin("GET", "/hints")
                assert client.response(final=True).status == 200
            else:
                client.get(f"/{shape}")


@pytest.mark.parametrize("shape", SHAPES + LEAVING)
def test_many_requests_leave_nothing(server, shape):
    requests(server.port, shape, 150)
    # What is kept for reuse grows for a while and then no more; a leak grows with every round.
    for _ in range(5):
        before = stats(server.port)
        requests(server.port, shape, REQUESTS)
        blocks, objects, memory = (now - then for then, now in zip(before, stats(server.port), strict=True))
        if blocks < BLOCKS and objects < BLOCKS and memory < MEMORY:
            return
    raise AssertionError(f"{REQUESTS} requests left {blocks} blocks, {objects} objects, {memory} bytes")
