"""``yett completions bash|zsh|fish``: prints a script that `cargo xtask generate` has made."""

import os

from . import output
from .suggest import near

SHELLS = ("bash", "zsh", "fish")
_WRONG_USAGE = 2

_HELP = """\
Usage: yett completions bash|zsh|fish

Prints the script that completes yett's options and their values.

bash   yett completions bash > ~/.local/share/bash-completion/completions/yett
       or, in ~/.bashrc: eval "$(yett completions bash)"
zsh    yett completions zsh > ~/.zfunc/_yett, where ~/.zfunc stands in fpath
       or, in ~/.zshrc after compinit: eval "$(yett completions zsh)"
fish   yett completions fish > ~/.config/fish/completions/yett.fish
"""


def main(arguments: list[str]) -> int:
    """Print the script of the shell that ``arguments`` name; the exit code."""
    match arguments:
        case ["-h" | "--help"]:
            return output.tell(_HELP)
        case [shell] if shell in SHELLS:
            path = os.path.join(os.path.dirname(__file__), "share", f"yett.{shell}")
            with open(path, encoding="utf-8") as file:
                return output.tell(file.read())
        case []:
            return _wrong("no shell given")
        case [shell]:
            names = near(shell, SHELLS)
            return _wrong(f"unknown shell '{shell}'" + (f" (did you mean '{names[0]}'?)" if names else ""))
        case [_, extra, *_]:
            return _wrong(f"unexpected argument '{extra}'")
    raise AssertionError(arguments)  # every list is one of these


def _wrong(message: str) -> int:
    output.explain(message, f"write `yett completions` and one of {', '.join(SHELLS)}")
    return _WRONG_USAGE
