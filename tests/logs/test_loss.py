"""Whatever takes the lines may fail: that loses lines, which are counted, and never a request."""

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from support import Client, ServerProcess
from support.logs import BOTH
from support.wait import wait_until

LOST = r"the access log is written again; (\d+) lines were lost"
BEGINS = "the access log cannot be written, its lines are lost until it can"


def ask(server, count, path="/", first=0):
    with Client(server.port) as client:
        for number in range(first, first + count):
            assert client.get(f"{path}{number}").status == 200


def paths(path):
    """What the lines of a JSON log say: each must be one whole object."""
    return [json.loads(line)["path"] for line in path.read_text().splitlines()]


def whole_lines(path):
    """The paths in a log whose last line may just be under way, or taken back because the disk is full."""
    seen = b""

    def ends():
        nonlocal seen
        seen = path.read_bytes()
        return seen.endswith(b"\n")

    wait_until(ends, "no half line is left at the end")
    return [json.loads(line)["path"] for line in seen.splitlines()]


def lost_lines(server):
    """How many lines a server that has ended says that it lost: the last of a batch may still have found a place."""
    return sum(int(number) for number in re.findall(LOST, server.log))


def small_pipe(path):
    """A named pipe that takes a page at a time, as new ones do for users who have many; and an end to read it."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    return reader


def test_a_closed_pipe(serve, interface, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    server = serve(
        BOTH[interface], "--interface", interface, "--access-log", "pipe", "--access-log-format", "%(U)s"
    )
    ask(server, 1, "/before-")
    wait_until(lambda: os.read(reader, 100) if _readable(reader) else b"", "a line")
    os.close(reader)
    ask(server, 50, "/lost-")
    server.wait_for(BEGINS)
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    # Those before are lost by now, or come now; either way each is accounted for.
    ask(server, 20, "/after-")
    seen = b""

    def complete():
        nonlocal seen
        if _readable(reader):
            seen += os.read(reader, 65536)
        return b"/after-19\n" in seen

    wait_until(complete, "the last line")
    lost = int(server.wait_for(LOST)[1])
    assert lost + len(seen.splitlines()) == 70
    assert lost >= 1
    os.close(reader)
    assert server.stop() == 0


def _readable(descriptor):
    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_pipe_that_nobody_reads(serve, interface, tmp_path):
    """More than the buffer holds: the server keeps answering, and in the end each line is there or counted."""
    reader = small_pipe(tmp_path / "pipe")
    server = serve(
        BOTH[interface], "--interface", interface, "--access-log", "pipe", "--access-log-format", "json",
    )  # fmt: skip
    long = "x" * 7000  # longer than what a pipe takes in one piece
    with Client(server.port) as client:
        for number in range(400):
            assert client.get(f"/{number}", f"User-Agent: {long}").status == 200
    server.wait_for(BEGINS)
    seen = b""

    def drained():
        nonlocal seen
        while _readable(reader):
            seen += os.read(reader, 1 << 20)
        return re.search(LOST, server.log) is not None

    wait_until(drained, "the lines that waited come out")
    ask(server, 1, "/last")
    wait_until(lambda: drained() and b'"/last0"' in seen, "the last line")
    lines = [json.loads(line) for line in seen.splitlines()]
    lost = sum(int(number) for number in re.findall(LOST, server.log))
    assert len(lines) + lost == 401
    assert 200 < lost < 400
    assert [int(line["path"][1:]) for line in lines[:-1]] == sorted(
        int(line["path"][1:]) for line in lines[:-1]
    )
    os.close(reader)


# The limit of a file's size stands for a full disk: a write is short, and the next one fails.
LIMITED = """
    import resource

    LIMIT = {limit}
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    inner = app

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/lift":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return inner(environ, start_response)
"""


def test_a_file_that_cannot_grow(serve, tmp_path):
    server = serve(
        BOTH["wsgi"] + LIMITED.format(limit=10_001), "--access-log", "log", "--access-log-format", "json"
    )
    ask(server, 200)
    server.wait_for(BEGINS)
    before = whole_lines(tmp_path / "log")
    assert 10 < len(before) < 60
    ask(server, 1, "/lift")
    with Client(server.port) as client:
        client.get("/lift")
    ask(server, 50, "/after-")
    server.wait_for(LOST)
    assert server.stop() == 0
    after = paths(tmp_path / "log")
    assert after[: len(before)] == before
    assert after[-50:] == [f"/after-{number}" for number in range(50)]
    assert len(after) + lost_lines(server) == 252


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("mounting a file system needs a privilege")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(serve, interface, small_disk):
    filler = small_disk / "filler"
    server = serve(
        BOTH[interface], "--interface", interface, "--access-log", "disk/log", "--access-log-format", "json"
    )
    # What is left cannot take all lines; what is freed later can, also if nearly all of them still wait then.
    filler.write_bytes(bytes(56 * 1024))
    ask(server, 150)
    server.wait_for(BEGINS)
    before = whole_lines(small_disk / "log")
    filler.unlink()
    ask(server, 20, "/after-")
    server.wait_for(LOST)
    assert server.stop() == 0
    after = paths(small_disk / "log")
    assert after[: len(before)] == before
    assert after[-20:] == [f"/after-{number}" for number in range(20)]
    assert len(after) + lost_lines(server) == 170
    assert 10 < len(before) < 150


def test_an_error_log_that_cannot_be_written_says_so_on_standard_error(tmp_path, interface):
    from support import ServerProcess
    from support.logs import is_up

    (tmp_path / "app.py").write_text(textwrap.dedent(BOTH[interface]))
    arguments = ["app:app", "--interface", interface, "--bind", "unix:socket", "--error-log", "/dev/full"]
    with ServerProcess(arguments, tmp_path) as server:
        wait_until(lambda: is_up(tmp_path / "socket"), "the server listens")
        with Client(str(tmp_path / "socket")) as client:
            assert client.get("/fail").status == 500
        server.wait_for("the error log cannot be written, its lines are lost until it can: No space left")


# ---- several processes, and signals ----


def lines_out(folder):
    """How many lines are in the log and in those it was before: a file that is just being renamed is seen twice."""
    counts = {}
    for path in folder.glob("log*"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            counts[os.fstat(file.fileno()).st_ino] = file.read().count(b"\n")
    return sum(counts.values())


def load(servers, count, folder):
    """Requests from several connections to all servers at once, whose logs are in `folder`."""
    clients = [Client(server.port) for server in servers for _ in range(2)]
    for start in range(0, count, 8):
        for index, client in enumerate(clients):
            numbers = range(start, start + 8)
            client.send(
                b"".join(
                    b"GET /%d/%d HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n\r\n" % (index, n, b"u" * (n % 500))
                    for n in numbers
                )
            )
        for client in clients:
            for _ in range(8):
                assert client.response().status == 200
        # So that no more waits than a log holds, however slow the disk is.
        if start % 320 == 312:
            asked = len(clients) * (start + 8)
            wait_until(lambda asked=asked: lines_out(folder) >= asked, "the logs have caught up")
    for client in clients:
        client.close()
    return {f"/{index}/{number}" for index in range(len(clients)) for number in range(count)}


def test_two_processes_write_one_file(serve, interface, tmp_path):
    options = ("--interface", interface, "--access-log", "log", "--access-log-format", "json")
    servers = [serve(BOTH[interface], *options) for _ in range(2)]
    expected = load(servers, 2000, tmp_path)
    for server in servers:
        assert server.stop() == 0
    seen = paths(tmp_path / "log")
    assert len(seen) == len(expected)
    assert set(seen) == expected


def test_two_processes_write_one_pipe(serve, interface, tmp_path):
    descriptor = small_pipe(tmp_path / "log")
    copy = (tmp_path / "copy").open("wb")
    reader = subprocess.Popen(["cat", "log"], cwd=tmp_path, stdout=copy)
    options = ("--interface", interface, "--access-log", "log", "--access-log-format", "json")
    servers = [serve(BOTH[interface], *options, "--limit-head", "64KiB") for _ in range(2)]
    os.close(descriptor)
    long = "x" * 6000
    clients = [Client(server.port) for server in servers]
    for number in range(200):
        for client in clients:
            client.begin("GET", f"/{number}", f"User-Agent: {long}")
        for client in clients:
            assert client.response().status == 200
        # So that no more waits than a log holds, however slow the reader is.
        if number % 50 == 49:
            wait_until(
                lambda lines=2 * (number + 1): (tmp_path / "copy").read_bytes().count(b"\n") == lines,
                "the reader has caught up",
            )
    for server in servers:
        assert server.stop() == 0
    assert reader.wait(30) == 0
    assert sorted(paths(tmp_path / "copy")) == sorted(f"/{number}" for number in range(200) for _ in clients)


def test_two_processes_take_turns_at_a_slow_pipe(serve, interface, tmp_path):
    """Whoever has the pipe does not keep it until all of its own is out, while the lines of the other are lost."""
    reader = small_pipe(tmp_path / "log")
    options = ("--interface", interface, "--access-log", "log", "--access-log-format", "json")
    servers = [serve(BOTH[interface], *options, "--limit-head", "64KiB") for _ in range(2)]
    long = "x" * 6000
    for name, server in enumerate(servers):
        with Client(server.port) as client:
            for _ in range(150):
                assert client.get(f"/{name}", f"User-Agent: {long}").status == 200
    seen = b""

    def complete():
        nonlocal seen
        # A page at each look: a process that the machine holds up for a moment has its turns all the same.
        if _readable(reader):
            seen += os.read(reader, 4096)
        return seen.count(b"\n") == 300

    wait_until(complete, "all lines come out")
    lines = [json.loads(line)["path"] for line in seen.splitlines()]
    assert sorted(lines) == ["/0"] * 150 + ["/1"] * 150
    # When all lines of one were out, some of the other were as well.
    one_is_out = min(len(lines) - lines[::-1].index(name) for name in ("/0", "/1"))
    assert min(lines[:one_is_out].count(name) for name in ("/0", "/1")) >= 10
    os.close(reader)


def test_reopening_under_load(serve, interface, tmp_path):
    """As logrotate does it: rename, then USR1. Nothing is lost, torn or written twice."""
    options = ("--interface", interface, "--access-log", "log", "--access-log-format", "json")
    server = serve(BOTH[interface], *options)
    expected: set[str] = set()
    worker = threading.Thread(target=lambda: expected.update(load([server], 3000, tmp_path)))
    worker.start()
    turns = 0
    while worker.is_alive():
        (tmp_path / "log").rename(tmp_path / f"log.{turns}")
        server.signal(signal.SIGUSR1)
        wait_until((tmp_path / "log").exists, "the log is opened anew")
        turns += 1
    worker.join()
    assert server.stop() == 0
    assert turns >= 3
    files = [tmp_path / "log", *(tmp_path / f"log.{turn}" for turn in range(turns))]
    seen = [path for file in files for path in paths(file)]
    assert len(seen) == len(expected)
    assert set(seen) == expected


def test_reopening_when_that_is_not_possible(serve, interface, tmp_path):
    (tmp_path / "logs").mkdir()
    server = serve(
        BOTH[interface], "--interface", interface, "--access-log", "logs/log", "--access-log-format", "%(U)s"
    )
    (tmp_path / "logs").rename(tmp_path / "moved")
    server.signal(signal.SIGUSR1)
    server.wait_for("the access log cannot be reopened, the old file is written further")
    ask(server, 1)
    wait_until(lambda: (tmp_path / "moved" / "log").read_text() == "/0\n", "a line in the old file")
    assert server.stop() == 0


def test_usr1_does_not_end_a_server_without_files(serve, get):
    server = serve(BOTH["wsgi"])
    server.signal(signal.SIGUSR1)
    assert get(server, "/").status == 200
    assert server.stop() == 0


def test_the_signal_is_the_callers_again_at_the_end(tmp_path):
    from support.command import run_python

    program = """
import contextlib, os, signal, socket, threading, time, yett
def app(environ, start_response):
    start_response("200 OK", [])
    return []
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
def end():
    # Before it serves, the signal would end the process.
    answer = b""
    while not answer:
        time.sleep(0.001)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect("socket")
            client.sendall(b"GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
            answer = client.recv(100)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end, daemon=True).start()
yett.run(app, bind="unix:socket", access_log="log")
os.kill(os.getpid(), signal.SIGUSR1)
print("seen", len(seen))
"""
    ended = run_python("-c", program, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "seen 1\n"), ended.stderr


def test_a_signal_while_the_application_is_imported(tmp_path):
    """It does not end the server, and the logs are opened anew as soon as that is possible."""
    (tmp_path / "rotates.py").write_text(
        "import os, signal\n"
        "os.rename('errors', 'errors.1')\n"
        "os.kill(os.getppid(), signal.SIGUSR1)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return []\n"
    )
    with ServerProcess(
        ["rotates:app", "--bind", "127.0.0.1:0", "--error-log", "errors"], cwd=tmp_path
    ) as server:
        log, old = tmp_path / "errors", tmp_path / "errors.1"

        def is_rotated():
            return old.exists() and log.exists() and "serving on" in log.read_text()

        wait_until(
            lambda: server.process.poll() is not None or is_rotated(),
            "the log is opened anew",
        )
        assert server.stop() == 0


def test_messages_that_came_while_there_were_no_descriptors(tmp_path):
    """The writer could not be started then: it is, with the next message."""
    program = """
import resource, sys
import yett._core as core
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
core.write_log("error", "first")
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
core.write_log("error", "second")
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    try:
        seen = b""

        def complete():
            nonlocal seen
            if _readable(process.stderr):
                seen += os.read(process.stderr.fileno(), 65536)
            return b"second" in seen

        wait_until(complete, "both messages")
        assert b"first" in seen
    finally:
        process.kill()
        process.communicate()
