"""Waiting for what the server does without saying so."""

import time
from collections.abc import Callable

from .server import PATIENCE_SECONDS


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again; fails when only a hang explains it."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < patience, f"this has not happened: {what}"
        time.sleep(0.001)  # leaves the processor to the server
