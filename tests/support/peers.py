"""Other WSGI servers, to see whether an application behaves alike there; and a way to run tests against them.

`YETT_TEST_PEER=gunicorn pytest tests/wsgi/test_results.py` tests the tests: what is asked of Yett there is mostly what
PEP 3333 asks of everybody.
"""

import os
import re
from pathlib import Path

import pytest

from .server import ServerProcess, start_target

# The server that stands in for Yett, if any: a key of `PEERS`.
STAND_IN = os.environ.get("YETT_TEST_PEER")

# For tests of what only Yett does, or does so.
only_yett = pytest.mark.skipif(STAND_IN is not None, reason=f"{STAND_IN} differs")

THREADS = 4
# Each as a user would run it for the same purpose: one process, four threads, a free port.
PEERS = {
    "gunicorn": [
        "--worker-class=gthread",
        "--workers=1",
        f"--threads={THREADS}",
        "--bind=127.0.0.1:0",
        "--no-control-socket",
    ],
    "waitress": [f"--threads={THREADS}", "--listen=127.0.0.1:0"],
}
_SERVING = re.compile(r"(?:Listening at:|Serving on) (\S+)")


class PeerProcess(ServerProcess):
    """A running peer. Ended by SIGTERM, since one that is killed may leave its children behind."""

    def __exit__(self, *exception: object) -> None:
        self.stop()


def start_peer(peer: str, target: str, *, folder: Path, env: dict[str, str] | None = None) -> ServerProcess:
    """Serve `target`, found from `folder`, by `peer`; ready when this returns."""
    server = PeerProcess([*PEERS[peer], target], cwd=folder, env=env, module=peer, serving=_SERVING)
    try:
        server.wait_for(_SERVING.pattern)
    except BaseException:
        server.__exit__()
        raise
    return server


def start_wsgi(
    target: str, *options: str, folder: Path, env: dict[str, str] | None = None, **popen
) -> ServerProcess:
    """Serve `target` by Yett; or by the peer that stands in for it, which gets no `options`."""
    if STAND_IN is not None:
        return start_peer(STAND_IN, target, folder=folder, env=env)
    return start_target(target, *options, folder=folder, env=env, **popen)
