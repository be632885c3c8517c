"""How a process begins to serve WSGI: what it loads for that, and what it does if it cannot have its threads."""

import resource
import sys

import pytest

from support import Client
from support.command import run_python, run_yett

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
# As the system refuses a thread: which is up to it otherwise.
REFUSING = f"""
import threading
{APP}
start = threading.Thread.start

def refuse(thread):
    if thread.name == "yett-NUMBER":
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = refuse
"""


def test_asyncio_is_not_loaded(serve):
    """WSGI has no use for it, and loading it takes long."""
    server = serve(
        """
        import sys

        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [repr("asyncio" in sys.modules).encode()]
        """
    )
    with Client(server.port) as client:
        assert client.get().body == b"False"


# Threads have stacks of the size that RLIMIT_STACK says: 100 do not fit, though Python itself has ample room.
ADDRESS_SPACE = 2 * 1024**3
STACK = 64 * 1024**2


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not heeded elsewhere")
def test_threads_that_the_system_refuses(tmp_path):
    (tmp_path / "app.py").write_text(APP)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))

    result = run_yett("app:app", "--bind", "127.0.0.1:0", "--threads", "100", cwd=tmp_path, preexec_fn=limit)
    assert result.returncode == 2
    first, second = result.stderr.splitlines()
    assert first.startswith("yett: error: thread ")
    assert "of 100 cannot be started: can't start new thread" in first
    assert "--threads" in second


@pytest.mark.parametrize("refused", [1, 3])
def test_they_are_told_in_one_line(tmp_path, refused):
    (tmp_path / "app.py").write_text(REFUSING.replace("NUMBER", str(refused)))
    result = run_yett("app:app", "--bind", "127.0.0.1:0", "--threads", "4", cwd=tmp_path)
    assert result.returncode == 2
    assert f"error: thread {refused} of 4 cannot be started: can't start new thread" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_run_raises_it_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "app.py").write_text(REFUSING.replace("NUMBER", "3"))
    (tmp_path / "script.py").write_text(
        """
import threading
import yett

try:
    yett.run("app:app", bind="unix:socket", threads=4)
except RuntimeError as error:
    print(error)
print(threading.active_count())
"""
    )
    result = run_python("script.py", cwd=tmp_path)
    assert result.stdout == "thread 3 of 4 cannot be started: can't start new thread\n1\n", result.stderr
    assert not (tmp_path / "socket").exists()
