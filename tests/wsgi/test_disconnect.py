"""Clients that go away while their response is made: the iteration ends, close() is called, the log stays quiet."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

# More than the sockets on the way take, so that the server must notice; the spool is off for that.
SETUP = """
    import threading, yett

    gone = threading.Event()
    PIECE = b"x" * 1_000_000

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/gone":
            gone.set()
            start_response("200 OK", [])
            return [b"noted"]
        return answer(environ, start_response)

    class Items:
        def __init__(self, items): self.items = items
        def __iter__(self): return self
        def __next__(self): return next(self.items)
        def close(self): print("closed", flush=True)
"""
ENDLESS = """
    def answer(environ, start_response):
        start_response("200 OK", [])
        return Items(PIECE for _ in range(2000))
"""
NO_SPOOL = ("--response-spool", "0")


def leave(server, end, path="/", *, read=True):
    """Ask, read the head at most, and go away in one of two ways."""
    client = Client(server.port, receive_buffer=4096)
    client.begin("GET", path)
    if read:
        client.head()
    end(client)


def assert_lives(server):
    with Client(server.port) as other:
        assert other.get("/gone").body == b"noted"


def assert_quiet(server):
    assert server.stop() == 0
    assert "ERROR" not in server.log
    assert "Traceback" not in server.log


ENDS = [Client.reset, Client.close]


@pytest.mark.parametrize("options", [NO_SPOOL, ("--response-spool", "3MiB"), ()])
@pytest.mark.parametrize("end", ENDS)
def test_the_iteration_ends_and_close_is_called(serve, end, options):
    server = serve(SETUP + ENDLESS, *options)
    leave(server, end)
    server.wait_for("closed")
    assert_lives(server)
    assert_quiet(server)
    assert server.log.count("closed") == 1


@pytest.mark.parametrize("end", ENDS)
def test_gone_before_the_first_byte(serve, end):
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        assert gone.wait(30)
        start_response("200 OK", [])
        return Items(PIECE for _ in range(2000))
    """,
        *NO_SPOOL,
    )
    leave(server, end, read=False)
    assert_lives(server)
    server.wait_for("closed")
    assert_quiet(server)


@pytest.mark.parametrize("end", ENDS)
def test_write_says_so(serve, end):
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        write = start_response("200 OK", [])
        try:
            for _ in range(2000):
                write(PIECE)
        except yett.ClientDisconnected as error:
            assert isinstance(error, OSError)
            print("told", flush=True)
            raise
        return []
    """,
        *NO_SPOOL,
    )
    leave(server, end)
    server.wait_for("told")
    assert_lives(server)
    assert_quiet(server)


def test_who_goes_on_all_the_same_is_told_again(serve):
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        write = start_response("200 OK", [])
        told = 0
        while told < 3:
            try:
                write(PIECE)
            except yett.ClientDisconnected:
                told += 1
        print("told", told, flush=True)
        return Items(iter([b"for nobody"]))
    """,
        *NO_SPOOL,
    )
    leave(server, Client.reset)
    server.wait_for("told 3")
    server.wait_for("closed")
    assert_lives(server)
    assert_quiet(server)


def test_a_generator_is_closed_at_its_yield(serve):
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        start_response("200 OK", [])
        try:
            for _ in range(2000):
                yield PIECE
        except GeneratorExit:
            print("told to end", flush=True)
            raise
        finally:
            print("finally", flush=True)
    """,
        *NO_SPOOL,
    )
    leave(server, Client.reset)
    server.wait_for("told to end")
    server.wait_for("finally")
    assert_lives(server)
    assert_quiet(server)


def test_close_that_fails_then_is_logged(serve):
    server = serve(
        SETUP.replace('print("closed", flush=True)', 'raise LookupError("while closing")') + ENDLESS,
        *NO_SPOOL,
    )
    leave(server, Client.reset)
    server.wait_for("LookupError: while closing")
    assert_lives(server)


def test_an_exception_of_its_own_is_logged_as_ever(serve):
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        write = start_response("200 OK", [])
        try:
            while True:
                write(PIECE)
        except OSError as error:
            raise LookupError("of its own") from error
    """,
        *NO_SPOOL,
    )
    leave(server, Client.reset)
    server.wait_for("LookupError: of its own")
    assert_lives(server)


def test_all_threads_are_free_again(serve):
    """Twice as many as there are threads leave; then all threads are at work at once."""
    server = serve(
        SETUP
        + """
    meeting = threading.Barrier(4, timeout=30)

    def answer(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/meet":
            meeting.wait()
            return [b"met"]
        return Items(PIECE for _ in range(2000))
    """,
        "--threads",
        "4",
        *NO_SPOOL,
    )
    for _ in range(8):
        leave(server, Client.reset)
    clients = [Client(server.port) for _ in range(4)]
    for client in clients:
        client.begin("GET", "/meet")
    for client in clients:
        assert client.response().body == b"met"
        client.close()


def test_a_client_that_stops_reading_is_given_up(serve):
    """With no spool the thread waits for it, as long as --write-timeout says."""
    server = serve(SETUP + ENDLESS, *NO_SPOOL, "--write-timeout", "300ms")
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/")
        client.head()
        server.wait_for("closed")
    assert_lives(server)
    assert_quiet(server)


def test_a_half_closed_connection_is_no_disconnect(serve):
    """A client may say that it will send no more, and still read."""
    server = serve(
        SETUP
        + """
    def answer(environ, start_response):
        assert gone.wait(30)
        start_response("200 OK", [])
        return Items(iter([b"still ", b"there"]))
    """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        client.finish_sending()
        assert_lives(server)
        assert client.response().body == b"still there"
    server.wait_for("closed")


def test_leaving_during_an_upload_calls_nobody(serve):
    server = serve(
        """
        def app(environ, start_response):
            print("called", environ["REQUEST_METHOD"], flush=True)
            start_response("200 OK", [])
            return [b"noted"]
        """
    )
    for end in ENDS:
        client = Client(server.port)
        client.begin("POST", "/", "Content-Length: 10")
        client.send(b"abc")
        end(client)
    assert_lives(server)
    assert_quiet(server)
    assert "called POST" not in server.log
