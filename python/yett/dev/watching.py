"""The supervisor's part of `yett dev`: files that change, and what is said of them in the terminal."""

import contextlib
import importlib.util
import os
import sys
import time

from .. import __version__, _core, output
from ..errors import WatchError
from .serving import Target
from .session import Session

# Whatever the settings say: what tools write, and others' code. (A folder with a `pyvenv.cfg` in it, and every hidden
# folder, is left out as well, wherever it is.)
ALWAYS_EXCLUDED = ["__pycache__/", "node_modules/", "*.pyc", "*.pyo", "*.swp", "*~", ".#*", "4913"]
_SHOWN = 3


class Watching:
    """Files that count, beside everything else that a supervisor waits for."""

    def __init__(self, target: str, settings: _core.Settings) -> None:
        """Raises `WatchError`."""
        self._session = Session()
        self._began = 0.0
        self.application = Target(target, self._session)
        self._folder = _folder_of(target)
        excluded = ALWAYS_EXCLUDED + [one for one in settings.reload_exclude if one != "none"]
        try:
            self._watcher = _core.Watcher([self._folder], settings.reload_include, excluded)
        except (OSError, ValueError) as error:
            self._session.close()
            raise WatchError(getattr(error, "strerror", None) or str(error)) from None
        self._include = settings.reload_include
        self._supervised = settings.supervisor

    def fileno(self) -> int:
        """Becomes readable when files have changed."""
        return self._watcher.fileno()

    def have_changed(self) -> bool:
        """Whether files have, and says which. The next code to be loaded is newer then."""
        changed = self._watcher.read()
        if not changed:
            return False
        for path in changed:
            _forget_bytecode(path)
        self._session.reloading()
        self._began = time.monotonic()
        names = [os.path.relpath(path, self._folder) for path in changed[:_SHOWN]]
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        _say(f"{', '.join(names)}{more} changed: reloading")
        return True

    def reloaded(self) -> None:
        """The new code is served: says how long that took."""
        if self._began:
            _say(f"ready in {time.monotonic() - self._began:.1f} s")
            self._began = 0.0

    def greet(self, addresses: list[str]) -> None:
        """Say what a person wants to know who has just started the server."""
        folder = os.path.relpath(self._folder)
        lines = [f"Yett {__version__}, for development", ""]
        lines += [f"  serving on {_strong(address)}" for address in addresses]
        place = "this folder" if folder == "." else folder
        watched = f"{', '.join(self._include)} in {place}"
        lines.append(f"  watching   {watched if self._supervised else 'nothing (--no-supervisor)'}")
        if not self._watcher.complete:
            lines.append(
                f"             (the first {self._watcher.folders} folders: name some in --reload-exclude)"
            )
        lines.append("  stop with  Ctrl-C")
        output.complain("\n" + "\n".join(lines) + "\n\n")

    def close(self) -> None:
        """Nothing is watched any more, and nothing is left behind."""
        self._session.close()


def _folder_of(target: str) -> str:
    """Where the application's code is: where modules are imported from, the current folder or that of the file."""
    path, _, _ = target.partition(".py")
    if path != target and os.sep in path:
        folder = os.path.dirname(os.path.abspath(os.path.expanduser(path + ".py")))
        current = os.getcwd()
        # A file further down belongs to the project in which the server was started.
        return current if os.path.commonpath([folder, current]) == current else folder
    return os.getcwd()


def _forget_bytecode(path: os.PathLike[str]) -> None:
    """Python tells files apart by size and second, and would take it for that of the second of two quick saves."""
    source = os.fspath(path)
    if source.endswith(".py"):
        # Not there, not ours to remove, or nothing that Python would cache.
        with contextlib.suppress(OSError, NotImplementedError):
            os.unlink(importlib.util.cache_from_source(source))


def _say(text: str) -> None:
    """One line, as the lines of requests look."""
    _core.flush_logs()
    output.complain(f"{time.strftime('%H:%M:%S', time.gmtime())} {_strong(text)}\n")


def _strong(text: str) -> str:
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return text
    return f"\x1b[1;36m{text}\x1b[0m"
