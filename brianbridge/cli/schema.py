"""``brianbridge schema``: print the JSON Schema of a kind of file, for editors."""

from __future__ import annotations

import json
from typing import Any

from brianbridge.cli.parser import Namespace, add_command

__all__ = ["add_to", "show_schema"]

_KINDS = ("study", "ladder", "neuron", "network", "fit")


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "schema", show_schema, "print the JSON Schema of a kind of file, for editors"
    )
    parser.add_argument("kind", choices=_KINDS, help="the kind of file")


def show_schema(options: Namespace) -> int:
    """Print a JSON Schema; ``--json`` changes nothing."""
    print(json.dumps(_schema(options.kind), indent=2))
    return 0


def _schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file."""
    from brianbridge.schema import json_schema

    if kind == "study":
        from brianbridge.study import Study

        return json_schema(Study)
    if kind == "ladder":
        from brianbridge.ladder.rungs import LadderFile

        return json_schema(LadderFile)
    if kind == "neuron":
        from brianbridge.neurons.files import NeuronFile
        from brianbridge.neurons.model import NeuronModel

        return json_schema(NeuronFile, documented_by=NeuronModel)
    if kind == "fit":
        from brianbridge.fitting.file import FitFile

        return json_schema(FitFile)
    from brianbridge.network.files import NetworkFile

    return json_schema(NetworkFile)
