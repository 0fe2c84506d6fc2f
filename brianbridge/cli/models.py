"""``brianbridge models``: list neuron models and networks, or show one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command
from brianbridge.cli.printing import print_entries
from brianbridge.errors import InputError, did_you_mean

__all__ = ["add_to", "show_models"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "models", show_models, "list neuron models and networks, or show one"
    )
    parser.add_argument("name", nargs="?", help="a model's name, or the path of its .toml file")


def show_models(options: Namespace) -> int:
    """List all models, or show one."""
    from brianbridge.network.files import network_names
    from brianbridge.neurons.files import model_names
    from brianbridge.schema import read_toml

    name = options.name
    if name is None:
        return _list(options.json)
    path = Path(name) if name.endswith(".toml") else None  # a file of the user
    if path is None and name not in {*model_names(), *network_names()}:
        hint = did_you_mean(name, [*model_names(), *network_names()])
        raise InputError(f"there is no model '{name}'. {hint}")
    if name in network_names() or (path and "layers" in read_toml(path, "model file")):
        return _show_network(name, options.json)
    return _show_neuron(name, options.json, check=path is not None)


def _list(as_json: bool) -> int:
    from brianbridge.network.files import network_names, network_path, read_network
    from brianbridge.neurons.files import model_names, model_path, read_entries

    summaries = {
        "neurons": {name: read_entries(model_path(name))["summary"] for name in model_names()},
        "networks": {name: read_network(network_path(name)).summary for name in network_names()},
    }
    if as_json:
        print(json.dumps(summaries, indent=2))
        return 0
    for kind, entries in summaries.items():
        print(f"{kind}:")
        print_entries(entries, as_json=False)
    return 0


def _show_network(name: str, as_json: bool) -> int:
    from brianbridge.network.overview import as_text, describe_model

    description = describe_model(name)
    print(json.dumps(description, indent=2) if as_json else as_text(description))
    return 0


def _show_neuron(name: str, as_json: bool, check: bool) -> int:
    from brianbridge.neurons.files import model_path, read_entries

    path = model_path(name)
    entries = read_entries(path)  # raises if it is not a model file
    if check:
        from brianbridge.neurons.library import read_model

        read_model(path)  # raises if the model is not valid
    print(json.dumps(entries, indent=2) if as_json else path.read_text(encoding="utf-8").rstrip())
    return 0
