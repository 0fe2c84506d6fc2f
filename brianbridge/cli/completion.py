"""``brianbridge completion``: print a script that completes commands, options and names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, Parser, add_command, network_file
from brianbridge.share import kept_networks

__all__ = ["add_to", "completion", "script"]

SHELLS = ("bash", "zsh", "fish")


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "completion", completion, "print a script that completes commands in a shell"
    )
    parser.add_argument(
        "shell", nargs="?", choices=SHELLS, default="bash", help="the shell (default: bash)"
    )


def completion(options: Namespace) -> int:
    """Print the script."""
    print(script(options.parser, options.shell))
    return 0


def script(parser: Parser, shell: str) -> str:
    """Return the script.

    Parameters
    ----------
    parser : Parser
        The parser of the command line.
    shell : {"bash", "zsh", "fish"}
        The shell.
    """
    import shtab

    functions: list[str] = []
    for action in _actions(parser):
        if action.dest in _NAMES:
            known, function = " ".join(_NAMES[action.dest]()), f"_brianbridge_{action.dest}"
            action.complete = {  # type: ignore[attr-defined]
                "bash": function,
                "zsh": function,
                "fish": f"(string split ' ' '{known}'; __fish_complete_path (commandline -ct))",
            }
            functions.append(_FUNCTIONS[shell].format(function=function, known=known))
        elif action.type in (Path, network_file):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell, preamble="\n".join(dict.fromkeys(functions))))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of all commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
        else:
            yield action


def _studies() -> list[str]:
    from brianbridge.study import study_names

    return list(study_names())


def _datasets() -> list[str]:
    from brianbridge.datasets import names

    return list(names())


#: The names of arguments that have no choices, because they may also be paths.
_NAMES: dict[str, Callable[[], list[str]]] = {
    "study": _studies,
    "data": _datasets,
    "network": lambda: sorted(kept_networks()),
    "ladder": lambda: ["short", "default"],
}
#: What completes such an argument: a name or a file.
_FUNCTIONS = {
    "bash": '{function}() {{ compgen -W "{known}" -- "$1"; compgen -f -- "$1"; }}',
    "zsh": '{function}() {{ _alternative "names:name:({known})" "files:file:_files"; }}',
    "fish": "",
}
