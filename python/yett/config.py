"""Settings from a file that is Python: ``yett --config gunicorn.conf.py``."""

from typing import Any

from . import command


def read(path: str) -> Any:
    """Execute the file. What it says, or `None` after an error that has been told.

    The result has ``values`` (name, value and line of each setting), ``notes`` (what has no equivalent) and ``hooks``.
    """
    from .migrate import gunicorn_config
    from .migrate.report import MigrateError

    try:
        return gunicorn_config.load(path)
    except MigrateError as error:
        command.fail(command.WRONG_USAGE, error.message, error.hint, error.traceback)
        return None
