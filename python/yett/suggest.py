"""Near names: what a person may have meant when the target that they named does not exist.

Everything here only looks at names; it imports nothing, and reads at most one level of folders.
"""

import difflib
import inspect
import os
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from .interface import accepts, looks_like_application

# How similar a name must be: difflib's own default, good for one slip in a short name.
_CUTOFF = 0.6
_SHOWN = 3
# A folder with more entries than this is not somebody's project.
_ENTRIES = 500
# Submodules in which applications usually live (Django's asgi.py and wsgi.py first of all).
_USUAL_MODULES = ("asgi", "wsgi", "app", "main", "application", "server")


def near(name: str, candidates: Iterable[str]) -> list[str]:
    """The best few of ``candidates`` for a mistyped ``name``, best first, whatever their case."""
    by_lower: dict[str, list[str]] = {}
    for candidate in candidates:
        known = by_lower.setdefault(candidate.lower(), [])
        if candidate not in known:
            known.append(candidate)
    matches = difflib.get_close_matches(name.lower(), by_lower, n=_SHOWN, cutoff=_CUTOFF)
    return [candidate for match in matches for candidate in by_lower[match] if candidate != name][:_SHOWN]


def either(names: list[str]) -> str:
    """``'a', 'b' or 'c'``"""
    quoted = [repr(name) for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def modules_in(folder: str) -> dict[str, str]:
    """Importable names in a folder → the file or folder that has them, as a person would write it."""
    found = {}
    for entry in _entries(folder):
        if entry.is_dir():
            if entry.name.isidentifier() and any(
                inner.name.endswith(".py") for inner in _entries(entry.path)
            ):
                found[entry.name] = entry.name + "/"
        elif entry.name.endswith(".py"):
            found[entry.name.removesuffix(".py")] = entry.name
    return found


def folders_with(folder: str, module: str) -> list[str]:
    """Paths below ``folder``, one level down, of files that would be the module: ``src/app.py``."""
    wanted = module.partition(".")[0]
    paths = []
    for entry in _entries(folder):
        if entry.is_dir() and os.path.isfile(os.path.join(entry.path, wanted + ".py")):
            paths.append(f"{entry.name}/{wanted}.py")
    return sorted(paths)[:_SHOWN]


def installed_modules() -> list[str]:
    """Public top-level names that can be imported now."""
    return [module.name for module in pkgutil.iter_modules() if not module.name.startswith("_")]


def submodules(package: ModuleType) -> list[str]:
    """The direct submodules of a package, imported or not; none for a plain module."""
    return [module.name for module in pkgutil.iter_modules(getattr(package, "__path__", []))]


def usual_submodules(package: ModuleType) -> list[str]:
    """Submodules that by their name may hold an application."""
    existing = submodules(package)
    return [f"{package.__name__}.{name}" for name in _USUAL_MODULES if name in existing]


def applications(module: ModuleType) -> list[str]:
    """Names in a module that look like applications, then factories of them written as calls."""
    public = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    found = [name for name, value in public if _safely(looks_like_application, value)]
    factories = [
        f"{name}()" for name, value in public if _safely(_looks_like_factory, value, module.__name__)
    ]
    return (found + factories)[: 2 * _SHOWN]


def files_in(folder: str, suffix: str) -> list[str]:
    """The names of the files of one kind (``.py``) in a folder; none when it cannot be read."""
    return [entry.name for entry in _entries(folder) if entry.name.endswith(suffix)]


def _looks_like_factory(value: Any, module: str) -> bool:
    return (
        inspect.isfunction(value)
        and value.__module__ == module
        and "app" in value.__name__
        and not inspect.iscoroutinefunction(value)
        and accepts(value, 0)
    )


def _safely(check: Any, *arguments: Any) -> bool:
    """Objects of an application may do anything when looked at, lazy proxies for instance raise."""
    try:
        return bool(check(*arguments))
    except Exception:  # noqa: BLE001
        return False


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            some = [entry for entry, _ in zip(entries, range(_ENTRIES), strict=False)]
    except OSError:
        return []
    return sorted((entry for entry in some if not entry.name.startswith(".")), key=lambda entry: entry.name)
