"""A Yett server in a process of its own, as a user starts it."""

import os
import queue
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

# A build machine may be slow; a test that waits so long has found a hang.
PATIENCE_SECONDS = 30
_SERVING = re.compile(r"serving on (\S+)")


class ServerProcess:
    """A running `yett`: its addresses, its log as it comes, and its end."""

    def __init__(
        self,
        arguments: list[str],
        cwd: Path,
        env: dict[str, str] | None = None,
        *,
        module: str = "yett",
        serving: re.Pattern[str] = _SERVING,
        **popen,
    ) -> None:
        """`module`: run this instead, whose log tells the address as `serving` finds it."""
        self._serving = serving
        self._log: list[str] = []
        # Lines that came together, so that whoever has seen the first line of a message has all of it.
        self._chunks: queue.Queue[list[str] | None] = queue.Queue()
        self.folder = cwd
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **popen,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        # More than a pipe holds: what was written at once is read at once.
        while chunk := os.read(self.process.stdout.fileno(), 1 << 20):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                self._chunks.put([_text(line) for line in lines])
        if rest:
            self._chunks.put([_text(rest)])
        self._chunks.put(None)

    @property
    def pid(self) -> int:
        """The process that serves: the first worker, or the only process there is."""
        return next(iter(self.workers), self.process.pid)

    @property
    def workers(self) -> list[int]:
        """The workers that there are now, the longest there first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            pids = [int(pid) for pid in children.read_text().split()]
        except OSError:
            return []
        return [pid for pid in pids if _name(pid).startswith("yett-worker")]

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until a line of the output (also an earlier one) matches; fail if the process ends before."""
        seen = 0
        while True:
            for line in self._log[seen:]:
                if match := re.search(pattern, line):
                    return match
            seen = len(self._log)
            try:
                lines = self._chunks.get(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                raise AssertionError(f"no line matches {pattern!r}:\n{self.log}") from None
            if lines is None:
                self._chunks.put(None)
                raise AssertionError(f"the server ended; no line matches {pattern!r}:\n{self.log}")
            self._log += lines

    @property
    def log(self) -> str:
        """All output that has been read up to now."""
        while not self._chunks.empty():
            lines = self._chunks.get()
            if lines is None:
                self._chunks.put(None)
                break
            self._log += lines
        return "\n".join(self._log)

    @property
    def url(self) -> str:
        """The first address, such as http://127.0.0.1:34567."""
        return self.wait_for(self._serving.pattern)[1]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def change(self, source: str) -> None:
        """Other code in app.py, as editors save it: nobody reads half of it, and it is one change."""
        new = self.folder / "app.py.new"
        new.write_text(textwrap.dedent(source))
        new.rename(self.folder / "app.py")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code (negative: the signal that killed it)."""
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        return code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not end after SIGTERM:\n{self.log}") from None

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace").removesuffix("\r")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def start_server(
    folder: Path,
    source: str,
    *options: str,
    target: str = "app:app",
    env: dict[str, str] | None = None,
    **popen,
) -> ServerProcess:
    """Write `source` to app.py in `folder` and serve it on a free port; ready when this returns."""
    (folder / "app.py").write_text(textwrap.dedent(source))
    return start_target(target, *options, folder=folder, env=env, **popen)


def start_target(
    target: str, *options: str, folder: Path, env: dict[str, str] | None = None, **popen
) -> ServerProcess:
    """Serve `target`, found from `folder`, on a free port; ready when this returns."""
    bind = [] if any(option in ("-b", "--bind") for option in options) else ["--bind", "127.0.0.1:0"]
    server = ServerProcess([target, *bind, *options], cwd=folder, env=env, **popen)
    try:
        server.wait_for(_SERVING.pattern)
    except BaseException:
        server.__exit__()
        raise
    return server
