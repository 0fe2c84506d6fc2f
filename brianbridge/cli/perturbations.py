"""``brianbridge perturbations``: list the perturbations of a ladder file, or show one."""

from __future__ import annotations

import json
from typing import Any

from brianbridge.cli.parser import Namespace, add_command
from brianbridge.cli.printing import print_entries

__all__ = ["add_to", "show_perturbations"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "perturbations", show_perturbations, "list what a rung can change"
    )
    parser.add_argument("name", nargs="?", help="show this perturbation and its options")


def show_perturbations(options: Namespace) -> int:
    """List all perturbations, or show one."""
    from brianbridge.perturbations import overview, perturbation_names

    if options.name is not None:
        found = overview(options.name)
        print(json.dumps(found, indent=2, default=str) if options.json else _text(found))
        return 0
    every = {name: overview(name) for name in perturbation_names()}
    if options.json:
        print(json.dumps(list(every.values()), indent=2, default=str))
        return 0
    print_entries({name: found["summary"] for name, found in every.items()}, as_json=False)
    return 0


def _text(found: dict[str, Any]) -> str:
    """Return the description of a perturbation, with a line for a ladder file."""
    options = ", ".join(f"{k} = {json.dumps(v, default=str)}" for k, v in found["options"].items())
    table = f"{{ {options} }}" if options else "{}"
    in_file = f"perturb.{found['name']} = {table}"
    return f"{found['text']}\n\nKeeps {found['keeps']}.\n\nIn a ladder file: {in_file}"
