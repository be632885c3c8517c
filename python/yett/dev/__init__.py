"""What makes `yett dev` different: reload on change, errors in the browser, pages that reload by themselves.

| question | file |
|---|---|
| Which files are watched, and what does the terminal say? | `watching` (the supervisor's part) |
| What do its processes know of each other? | `session` |
| How does a worker load the application, and what if it cannot? | `serving`, `standin` |
| What is added to the application? | `asgi`, `wsgi`, and `wrapper` for both |
| Who may see errors? | `local` |
| How does an error look? | `failure` (what is known of it), `values` (variables), `page` |
| How does a page learn of a reload? | `markup` (the script), `policy` (whether it may), `channel` (the news) |
"""

from typing import TYPE_CHECKING

from .. import _core, server
from ..hooks import Hooks
from .watching import Watching

if TYPE_CHECKING:
    from ..supervisor import Reread


def develop(
    target: str, settings: _core.Settings, hooks: Hooks | None = None, reread: "Reread | None" = None
) -> int:
    """Serve the application named by ``target`` until a signal ends that, as `server.serve` does; the exit code.

    Returns in every forked worker, too. Raises `WatchError`, and what `server.serve` raises.
    """
    watching = Watching(target, settings)
    try:
        return server.serve(
            watching.application, settings, own_process=True, hooks=hooks, reread=reread, files=watching
        )
    finally:
        watching.close()
