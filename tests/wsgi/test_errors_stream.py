"""`wsgi.errors`: what an application writes there comes into the error log, by line."""

import re
import threading

from support import Client
from support.peers import only_yett


def lines_of(server, text):
    """The lines of the log that have `text` in them, without what the log puts before them."""
    assert server.stop() == 0
    return [re.sub(r"^\S+ \[\d+\] ERROR: ", "", line) for line in server.log.splitlines() if text in line]


def serve_writing(serve, statements, *options):
    source = "import logging, sys, threading, traceback\n"
    source += "def app(environ, start_response):\n    errors = environ['wsgi.errors']\n"
    source += "".join(f"    {line}\n" for line in statements.strip().splitlines())
    return serve(source + "    start_response('200 OK', [])\n    return [b'ok']\n", *options)


def ask(server, times=1):
    with Client(server.port) as client:
        for _ in range(times):
            assert client.get().body == b"ok"


@only_yett
def test_each_line_is_an_entry_of_its_own(serve):
    server = serve_writing(serve, r"errors.write('mark one\nmark two\n\nmark three\r\n')")
    ask(server)
    server.wait_for("mark three")
    assert re.search(r"^\S+ \[\d+\] ERROR: mark two$", server.log, re.MULTILINE)
    assert lines_of(server, "mark") == ["mark one", "mark two", "mark three"]


@only_yett
def test_a_line_in_pieces(serve):
    server = serve_writing(
        serve, r"for piece in ('mark ', 'in ', 'pieces\nmark', ' two\n'): errors.write(piece)"
    )
    ask(server)
    assert lines_of(server, "mark") == ["mark in pieces", "mark two"]


def test_writelines(serve):
    server = serve_writing(serve, r"errors.writelines(x for x in ['mark one\n', 'mark ', 'two\n'])")
    ask(server)
    server.wait_for("mark one$")
    server.wait_for("mark two$")


@only_yett
def test_what_has_no_end_is_written_at_the_end_of_the_request(serve):
    server = serve_writing(serve, "errors.write('mark without end')", "--threads", "1")
    ask(server, times=2)
    assert lines_of(server, "mark") == ["mark without end"] * 2


@only_yett
def test_it_is_written_also_if_the_application_fails(serve):
    server = serve(
        """
        def app(environ, start_response):
            environ["wsgi.errors"].write("mark without end")
            raise LookupError("failed")
        """
    )
    with Client(server.port) as client:
        assert client.get().status == 500
    assert lines_of(server, "mark")[-1] == "mark without end"


def test_what_python_prints_to_it(serve):
    """print, logging and traceback write in pieces of their own."""
    server = serve_writing(
        serve,
        """
print("mark printed", 1, 2, file=errors, flush=True)
handler = logging.StreamHandler(errors)
logging.getLogger("x").addHandler(handler)
logging.getLogger("x").warning("mark logged")
logging.getLogger("x").removeHandler(handler)
try:
    raise LookupError("mark of a traceback")
except LookupError:
    traceback.print_exc(file=errors)
        """,
    )
    ask(server)
    server.wait_for("mark printed 1 2$")
    server.wait_for("mark logged$")
    server.wait_for("LookupError: mark of a traceback$")


@only_yett
def test_text_of_all_kinds(serve):
    server = serve_writing(
        serve, r"errors.write('mark caf\xe9 \u20ac \U0001f600\n'); errors.write('mark \udcff\n')"
    )
    ask(server)
    assert lines_of(server, "mark") == ["mark caf\xe9 \u20ac \U0001f600", "mark \\udcff"]


def test_bytes_are_refused(serve):
    server = serve_writing(
        serve,
        """
try:
    errors.write(b"bytes")
except TypeError:
    print("refused", flush=True)
        """,
    )
    ask(server)
    server.wait_for("refused")


@only_yett
def test_a_line_that_never_ends_does_not_fill_the_memory(serve):
    server = serve_writing(serve, "for _ in range(1000): errors.write('x' * 1000)")
    ask(server)
    assert sum(len(line) for line in lines_of(server, "xxx")) == 1_000_000


@only_yett
def test_requests_at_the_same_time_do_not_mix_their_lines(serve):
    server = serve(
        """
        import threading, time

        meeting = threading.Barrier(4, timeout=30)

        def app(environ, start_response):
            name = environ["PATH_INFO"][1:]
            for part in ("mark ", name, " is ", name, "\\n"):
                meeting.wait()
                environ["wsgi.errors"].write(part)
            start_response("200 OK", [])
            return [b"ok"]
        """,
        "--threads",
        "4",
    )
    clients = [Client(server.port) for _ in range(4)]
    threads = [
        threading.Thread(target=client.get, args=(f"/{number}",)) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert sorted(lines_of(server, "mark")) == [f"mark {number} is {number}" for number in range(4)]


@only_yett
def test_it_outlives_the_request(serve):
    """Handlers of loggers keep it, and threads of the application write to it."""
    server = serve_writing(
        serve,
        r"""
thread = threading.Thread(target=errors.write, args=("mark of a thread\n",))
thread.start()
thread.join()
environ.clear()
        """,
    )
    ask(server)
    assert lines_of(server, "mark") == ["mark of a thread"]
