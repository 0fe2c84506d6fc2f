"""Labelled datasets, by name or from arrays, split reproducibly and checked.

`sets` reads datasets, one file for each layout; `formats` reads file formats. May import `network`,
for `fit` alone. A new dataset with a known layout is one entry in ``data/registry.toml``; another
package offers its datasets by entry points, as `registry` says.
"""

from typing import Any

from brianbridge.datasets.arrays import from_arrays
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.download import fetch
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.formats.event_files import read_events
from brianbridge.datasets.formats.event_frames import frames
from brianbridge.datasets.formats.idx import read_idx
from brianbridge.datasets.loading import load_dataset
from brianbridge.datasets.overview import Description, describe
from brianbridge.datasets.registry import names
from brianbridge.datasets.sets.event_folders import from_event_folder
from brianbridge.datasets.validation import train_validation
from brianbridge.former_names import moved

__all__ = [
    "Dataset",
    "DatasetEntry",
    "Description",
    "Split",
    "describe",
    "fetch",
    "frames",
    "from_arrays",
    "from_event_folder",
    "load_dataset",
    "names",
    "read_events",
    "read_idx",
    "train_validation",
]


def __getattr__(name: str) -> Any:
    return moved(__name__, name)
