"""Labelled data by name or from one's own arrays, split reproducibly and checked."""

from brianbridge.datasets.arrays import from_arrays
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.download import fetch
from brianbridge.datasets.formats.event_files import read_events
from brianbridge.datasets.formats.event_frames import frames
from brianbridge.datasets.formats.idx import read_idx
from brianbridge.datasets.loading import load
from brianbridge.datasets.overview import Description, describe
from brianbridge.datasets.registry import names
from brianbridge.datasets.sets.event import from_event_folder
from brianbridge.datasets.validation import train_validation

__all__ = [
    "Dataset",
    "Description",
    "Split",
    "describe",
    "fetch",
    "frames",
    "from_arrays",
    "from_event_folder",
    "load",
    "names",
    "read_events",
    "read_idx",
    "train_validation",
]
