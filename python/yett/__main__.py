"""The command ``yett``."""

import sys

from . import _core


def main() -> int:
    """Carry out the command line; the exit code (see docs/exit-codes.md)."""
    invocation = _core.parse_command_line(sys.argv[1:])
    if invocation.settings is None:
        (sys.stderr if invocation.to_stderr else sys.stdout).write(invocation.text)
        return invocation.code
    from . import command

    return command.carry_out(invocation)


if __name__ == "__main__":
    sys.exit(main())
