"""The command run to its end, for what it prints and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

from .server import PATIENCE_SECONDS


def run_yett(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess[str]:
    """`yett ARGUMENTS` in `cwd`, output captured."""
    return run_python("-m", "yett", *arguments, cwd=cwd, env=env, **more)


def run_python(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, before: tuple[str, ...] = (), **more
) -> subprocess.CompletedProcess[str]:
    """The interpreter of the tests with `arguments`. `before`: a command that runs it, such as `setpriv …`."""
    return subprocess.run(
        [*before, sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        **more,
    )
