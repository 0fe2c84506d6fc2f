"""``brianbridge inspect``: describe a network or spike file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.interchange import add_nir_options, is_nir, nir_options
from brianbridge.cli.parser import Namespace, add_command, network_file
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from brianbridge.io.spikes.selection import Selection
    from brianbridge.recording import Recording

__all__ = ["add_to", "inspect"]

_CHOICES = ("population", "samples", "time", "raster")


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "inspect", inspect, "describe a network, spike or NIR file")
    parser.add_argument(
        "file",
        type=network_file,
        help="a network, spike or NIR file, or the name of a trained network",
    )
    parser.add_argument(
        "--check", action="store_true", help="read the whole file and compare it with its digests"
    )
    parser.add_argument("--population", help="figures of this population of a spike file")
    parser.add_argument("--samples", help="figures of these samples, as in 3 or 0:10 (without 10)")
    parser.add_argument("--time", help="figures of this time of presentations: '5 ms:20 ms'")
    parser.add_argument("--raster", type=Path, help="draw these spikes into a PNG file")

    add_nir_options(parser)


def inspect(options: Namespace) -> int:
    """Describe a file."""
    from brianbridge.io.inspect import as_text, describe_file
    from brianbridge.io.spikes.log import is_log

    if not is_log(options.file) and is_nir(options.file):
        return _inspect_nir(options)
    if given := nir_options(options):
        raise InputError(
            f"--{next(iter(given))} is for NIR files, but '{options.file}' is none; leave it out"
        )
    description = describe_file(options.file, check=options.check)
    if any(getattr(options, choice) is not None for choice in _CHOICES):
        if description["kind"] != "spikes":
            raise InputError(
                f"--population, --samples, --time and --raster are for spikes; '{options.file}' is "
                f"a {description['kind']}"
            )
        description["selection"] = _chosen(options)
    print(json.dumps(description, indent=2) if options.json else as_text(description))
    return 0


def _inspect_nir(options: Namespace) -> int:
    """Describe a NIR file: its nodes and, if its framework is known, how each is taken over."""
    from brianbridge.interchange.nir.describe import describe_nir, nir_text

    description = describe_nir(
        options.file, options.framework, dt=options.dt, reset=options.reset, spikes=options.pulse
    )
    print(json.dumps(description, indent=2) if options.json else nir_text(description))
    return 0


def _chosen(options: Namespace) -> dict[str, Any]:
    """Return figures of the chosen spikes, and draw them if that is asked."""
    from brianbridge.io.spikes.exchange.stream import stream_of_file
    from brianbridge.io.spikes.file import read_spikes
    from brianbridge.io.spikes.selection import figures_of, selected

    recording = selected(stream_of_file(read_spikes(options.file)), _selection(options))
    if options.raster is not None:
        _draw(recording, options.raster)
    return figures_of(recording)


def _selection(options: Namespace) -> Selection:
    from brianbridge.io.spikes.selection import Selection
    from brianbridge.neurons.quantities import seconds

    samples = time = None
    if options.samples is not None:
        first, colon, end = options.samples.partition(":")
        if not first.isdecimal() or not (end.isdecimal() or not colon):
            raise InputError(f"--samples {options.samples}; give one, as in 3, or a range, 0:10")
        samples = int(first), int(end) if colon else int(first) + 1
    if options.time is not None:
        start, colon, end = options.time.partition(":")
        if not colon:
            raise InputError(f"--time {options.time}; give a start and an end, as in '5 ms:20 ms'")
        time = seconds(start, "--time", zero=True), seconds(end, "--time")
    return Selection(options.population, samples, time)


def _draw(recording: Recording, path: Path) -> None:
    """Write a raster plot."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from brianbridge.io.atomic import write_whole
    from brianbridge.plots import plot_spikes

    if path.suffix != ".png":
        raise InputError(f"--raster {path}; give a name that ends in .png")
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    plot_spikes(recording, ax=figure.add_subplot())
    content = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png", dpi=150)
    write_whole(path, content.getvalue())
