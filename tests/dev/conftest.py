"""Fixtures of the tests of `yett dev`."""

from collections.abc import Callable

import pytest

from support import ServerProcess
from support.dev import INTERFACES


@pytest.fixture(params=sorted(INTERFACES))
def interface(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def develop(serve: Callable[..., ServerProcess]) -> Callable[..., ServerProcess]:
    """`develop(source, *options)`: `yett dev` of the application in `source`, which is in app.py."""
    return lambda source, *options, **more: serve(source, "app:app", *options, target="dev", **more)


@pytest.fixture
def site(develop: Callable[..., ServerProcess], interface: str) -> Callable[..., ServerProcess]:
    """`site(source, *options)`: the same, of a site whose `answer(path)` is in `source`, in each interface."""
    return lambda source, *options, **more: develop(source + INTERFACES[interface], *options, **more)
