"""``brianbridge perturbations``: list the perturbations for ladder files, or show one."""

from __future__ import annotations

import json
from typing import Any

from brianbridge.cli.parser import Namespace, add_command
from brianbridge.cli.printing import print_entries

__all__ = ["add_to", "show_perturbations"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "perturbations", show_perturbations, "list the perturbations for ladder files"
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
    """Return the description of a perturbation, with its entry for a ladder file in TOML."""
    given = {name: value for name, value in found["options"].items() if value is not None}
    options = ", ".join(f"{k} = {json.dumps(v, default=str)}" for k, v in given.items())
    lines = [f"perturb.{found['name']} = {f'{{ {options} }}' if options else '{}'}"]
    for name in found["options"]:
        if name in found["required"]:
            lines.append(f"# '{name}' must be given")
        elif name not in given:  # TOML has no null
            lines.append(f"# '{name}' is optional")
    entry = "\n".join(lines)
    return f"{found['text']}\n\nKeeps {found['keeps']}.\n\nIn a ladder file:\n\n{entry}"
