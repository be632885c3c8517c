"""A server process under measurement: started in its own session, pinned, accounted for, and always ended."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .servers import ACCESS_LOG, APPS, HOST, ServerKind

# A framework imports in well under 5 s on a slow machine; valgrind makes it fifty times slower.
START_DEADLINE = 30.0
STOP_DEADLINE = 10.0


class ServerError(Exception):
    """The server did not start, or ended while it was measured; the message carries the end of its output."""


def free_port() -> int:
    """A TCP port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def exit_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `with Server(...)` blocks clean up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))


def cores() -> tuple[int, int]:
    """The core for the server and the core for the load. Raises SystemExit where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise SystemExit("bench: needs two cores, one for the server and one for the load")
    return available[0], available[1]


def session_members(session: int) -> list[int]:
    """The pids of all live processes of a session."""
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue  # it ended while we looked
        # proc(5): after the parenthesised name come state, ppid, pgrp, session.
        state, _ppid, _pgrp, of_session = stat.rpartition(")")[2].split()[:4]
        if int(of_session) == session and state not in "ZX":
            members.append(int(entry))
    return members


def _cpu_clock(pid: int) -> int:
    """The clock id of a process's CPU time: clock_getcpuclockid(3), which Python does not offer.

    Its encoding is kernel ABI (the complement of the pid, and CPUCLOCK_SCHED). Unlike /proc/PID/stat it counts in
    nanoseconds, and unlike the sum over /proc/PID/task/*/schedstat it keeps the time of threads that have ended.
    """
    return (~pid << 3) | 2


class Server:
    """`with Server(kind, python, app, core) as server:` starts a server and ends its whole session afterwards.

    `core` None leaves it to the system on which cores the server runs.
    """

    def __init__(
        self,
        kind: ServerKind,
        python: str,
        app: str,
        core: int | None,
        wrapper: tuple[str, ...] = (),
        **environment: str,
    ):
        self.kind = kind
        self.port = free_port()
        self._log = tempfile.TemporaryFile()
        self._access_log = tempfile.NamedTemporaryFile(prefix="yett-bench-access-")
        pin = [] if core is None else ["taskset", "-c", str(core)]
        command = [
            part.replace(ACCESS_LOG, self._access_log.name) for part in kind.command(python, app, self.port)
        ]
        self._command = [*pin, *wrapper, *command]
        path = os.pathsep.join((str(APPS), *filter(None, [os.environ.get("PYTHONPATH")])))
        self._environment = {**os.environ, "PYTHONPATH": path, **environment}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.process = subprocess.Popen(
            self._command,
            cwd=APPS,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        self._log.close()
        self._access_log.close()

    @property
    def pid(self) -> int:
        """The pid of the first process, which is the session's id too."""
        if self.process is None:
            raise ServerError(f"{self.kind.name} was not started")
        return self.process.pid

    def output(self) -> str:
        """The end of what the server printed."""
        # pread: the file offset is shared with the server, which still writes.
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), 4000, max(0, size - 4000)).decode(errors="replace")

    def logged(self) -> int:
        """Bytes of all that the server has logged and printed so far."""
        return sum(os.fstat(file.fileno()).st_size for file in (self._log, self._access_log))

    def fail(self, message: str) -> ServerError:
        """An error that names the server and carries its output."""
        return ServerError(f"{self.kind.name}: {message}\n{self.output()}".rstrip())

    def wait_until_answering(
        self,
        path: str = "/",
        body: bytes | None = None,
        deadline: float = START_DEADLINE,
        pause: float = 0.002,
    ) -> bytes:
        """Ask (GET, or POST if there is a body) until the first answer comes, and return its body.

        `deadline` and `pause` in seconds. Raises ServerError when the deadline passes or the answer is not 200.
        """
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                raise self.fail(f"ended with status {self.process.returncode} before it answered")
            connection = http.client.HTTPConnection(HOST, self.port, timeout=deadline)
            try:
                # Without "Connection: close", on which FastPySGI 0.6 stops answering for good.
                connection.request("GET" if body is None else "POST", path, body=body)
                response = connection.getresponse()
                content = response.read()
                if response.status != 200:
                    raise self.fail(f"answered {response.status} to {path}")
                return content
            except ConnectionError:
                time.sleep(pause)  # not listening yet: the interval of the poll, bounded by the deadline
            except (OSError, http.client.HTTPException) as error:
                raise self.fail(f"no proper answer to {path}: {error}") from error
            finally:
                connection.close()
        raise self.fail(f"did not listen within {deadline:.0f} s")

    def cpu_seconds(self) -> float:
        """CPU time that all processes of the session have used so far, user and system."""
        total = 0.0
        for pid in session_members(self.pid):
            try:
                total += time.clock_gettime(_cpu_clock(pid))
            except OSError:
                continue
        return total

    def memory(self) -> int:
        """Proportional set size of the whole session in bytes."""
        total = 0
        for pid in session_members(self.pid):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        return total

    def stop(self, deadline: float = STOP_DEADLINE) -> None:
        """SIGTERM to the first process; what is left of the session after `deadline` seconds is killed."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(deadline)
        for pid in session_members(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
