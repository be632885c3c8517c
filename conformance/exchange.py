"""Starting the server, sending raw bytes, and asking the application what it saw."""

import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from recorder import ASK

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
START_DEADLINE = 20.0
STOP_DEADLINE = 10.0
# A server that says nothing for so long after a whole vector waits for more: then it is told that nothing will come.
QUIET = 0.3
CLOSE_DEADLINE = 5.0
STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r]")


@dataclass(frozen=True)
class Outcome:
    """What came of a vector: the final statuses on the wire, whether the server closed, what the application saw."""

    statuses: list[int]
    closed: bool
    seen: list[dict]


class Server:
    """`with Server([...]) as server:`; `{port}` in the command stands for its port."""

    def __init__(self, command: list[str]):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self._log = tempfile.TemporaryFile()
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        self._process = subprocess.Popen(
            self._command,
            cwd=HERE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        end = time.monotonic() + START_DEADLINE
        try:
            while time.monotonic() < end and self._process.poll() is None:
                try:
                    self.seen(0)
                    return self
                except OSError:
                    time.sleep(0.01)  # not listening yet: the interval of the poll, bounded by the deadline
            size = os.fstat(self._log.fileno()).st_size
            output = os.pread(self._log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            raise SystemExit(f"conformance: `{' '.join(self._command)}` does not answer\n{output}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_DEADLINE)
        self._log.close()

    def seen(self, port: int) -> list[dict]:
        """The requests that the application saw from a client port. Raises OSError if the server does not answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request("GET", f"{ASK}?{port}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def send(self, raw: bytes, answers: int, byte_by_byte: bool) -> Outcome:
        """Send a vector on its own connection; wait for `answers` final responses (0: any number), then for the end."""
        received, closed = b"", False
        with socket.create_connection((HOST, self.port), timeout=CLOSE_DEADLINE) as connection:
            port = connection.getsockname()[1]
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for part in [raw[i : i + 1] for i in range(len(raw))] if byte_by_byte else [raw]:
                    connection.sendall(part)
            except OSError:
                pass  # refused before everything was sent: what it answered is read below
            half_closed = False
            while not closed:
                waiting = not half_closed and not (answers and len(final_statuses(received)) >= answers)
                connection.settimeout(QUIET if waiting else CLOSE_DEADLINE)
                if not waiting and not half_closed:
                    half_closed = half_close(connection)
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    if half_closed:
                        break
                    half_closed = half_close(connection)
                    continue
                except OSError:
                    part = b""
                received += part
                closed = not part
        return Outcome(final_statuses(received), closed, self.seen(port))


def half_close(connection: socket.socket) -> bool:
    """Tell the server that nothing more comes. Always true."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it has closed already; the next read says so
    return True


def final_statuses(received: bytes) -> list[int]:
    """The statuses of the final responses in the bytes; our application's and any server's error bodies hold none."""
    return [status for status in map(int, STATUS.findall(received)) if status >= 200]
