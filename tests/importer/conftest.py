"""Small projects to import applications from."""

import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from yett import importer
from yett.importer import TargetError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes files into a fresh current folder; modules that a test imports are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    # The projects have modules of this name, and web.py, which other tests import, is called so too.
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "web"}
    before = set(sys.modules)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        if _is_below(tmp_path, sys.modules[name]):
            del sys.modules[name]
    sys.modules.update(hidden)


def _is_below(folder: Path, module: ModuleType | None) -> bool:
    """Whether a module is one of the project's: libraries that it imports stay, as others hold parts of them."""
    if module is None:  # a test forbids its import
        return True
    # Not asked of the module: some have a __getattr__ that raises.
    said = vars(module)
    places = [said.get("__file__"), *(said.get("__path__") or [])]
    return any(place and Path(place).is_relative_to(folder) for place in places)


@pytest.fixture
def refused():
    """A function that loads a target which must fail, and returns the error."""

    def load(target: str) -> TargetError:
        with pytest.raises(TargetError) as caught:
            importer.load(target)
        return caught.value

    return load
