"""The command ``yett``."""

import sys
from typing import TYPE_CHECKING

from . import _core

if TYPE_CHECKING:
    from .hooks import Hooks

_INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def main() -> int:
    """Carry out the command line; the exit code (see docs/exit-codes.md)."""
    try:
        return _main(sys.argv[1:])
    except KeyboardInterrupt:
        # Before the signals are watched: a configuration or the application was being executed.
        return _INTERRUPTED


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["migrate"]:
        # Before our own options are looked for: what follows belongs to another server.
        from .migrate import command as migrate

        return migrate.run(arguments[1:])
    if arguments[:1] == ["completions"]:
        from . import completions

        return completions.main(arguments[1:])
    if path := _core.config_file(arguments):
        from . import command, config  # for reading Python, which most command lines do without

        loaded = config.read(path)
        if loaded is None:
            return command.WRONG_USAGE
    else:
        loaded = None
    invocation = _core.parse_command_line(arguments, (path, loaded.values) if path and loaded else None)
    if invocation.settings is None:
        from . import output

        if invocation.to_stderr:
            output.complain(invocation.text)
            return invocation.code
        return output.tell(invocation.text) or invocation.code
    for note in loaded.notes if loaded else ():
        _core.write_log("warning", note)
    from . import command

    return command.carry_out(invocation, loaded.hooks if loaded else None, lambda: _reread(arguments))


def _reread(arguments: list[str]) -> "tuple[_core.Settings, Hooks | None] | str":
    """The settings and hooks as they are now, or what is wrong with them."""
    loaded = None
    if path := _core.config_file(arguments):
        from . import config

        loaded = config.read(path)
        if loaded is None:
            return f"{path} is not understood"
    invocation = _core.parse_command_line(arguments, (path, loaded.values) if path and loaded else None)
    if invocation.settings is None:
        return invocation.text
    return invocation.settings, loaded.hooks if loaded else None


if __name__ == "__main__":
    sys.exit(main())
