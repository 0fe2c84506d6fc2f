"""``brianbridge completion``: print a script that completes commands and options in bash."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import Any

from brianbridge.cli.parser import Namespace, add_command

__all__ = ["add_to", "completion", "script"]

_SCRIPT = """\
# Completion of brianbridge in bash. In ~/.bashrc: eval "$(brianbridge completion)"
declare -A _brianbridge_words=(
{words}
)
_brianbridge() {{
    local words=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}") last= path=brianbridge word
    for word in "${{words[@]}}"; do
        [[ -v "_brianbridge_words[$path $word]" && $word != -* ]] && path+=" $word"
        last=$word
    done
    local known=${{_brianbridge_words["$path"]}}
    [[ $last == -* ]] && known=${{_brianbridge_words["$path $last"]-$known}}
    COMPREPLY=($(compgen -W "$known" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _brianbridge brianbridge"""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "completion", completion, "print a script that completes commands in bash"
    )
    parser.set_defaults(parser=commands)


def completion(options: Namespace) -> int:
    """Print the script."""
    print(script(options.parser.choices))
    return 0


def script(commands: dict[str, argparse.ArgumentParser]) -> str:
    """Return the script.

    Parameters
    ----------
    commands : dict of str to argparse.ArgumentParser
        The commands.
    """
    lines = [("brianbridge", " ".join(commands))]
    for name, parser in commands.items():
        lines += _words(parser, f"brianbridge {name}")
    words = "\n".join(f"    [{shlex.quote(path)}]={shlex.quote(known)}" for path, known in lines)
    return _SCRIPT.format(words=words)


def _words(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, str]]:
    """Yield the words that may follow each command and option."""
    here: list[str] = []
    for action in parser._actions:
        choices = _choices(action)
        here += action.option_strings or choices
        if action.nargs != 0:  # after an option with a value comes the value, perhaps a file
            yield from ((f"{path} {name}", " ".join(choices)) for name in action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _words(inner, f"{path} {name}")
    yield path, " ".join(here)


def _choices(action: argparse.Action) -> list[str]:
    """Return what an argument may be, as far as it is known; files are completed by bash."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    known = _NAMES.get(action.dest)
    return [] if known is None else known()


def _studies() -> list[str]:
    from brianbridge.study import study_names

    return list(study_names())


def _datasets() -> list[str]:
    from brianbridge.datasets import names

    return list(names())


#: The names of arguments that have no choices, because they may also be paths.
_NAMES = {"study": _studies, "data": _datasets, "ladder": lambda: ["short", "default"]}
