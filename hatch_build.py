"""Put the study files into the wheel, but neither their results nor trained networks."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StudyFiles(BuildHookInterface):
    """Add ``studies/*.toml`` where an installed package looks for them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; an editable install finds them in the tree."""
        if version == "editable":
            return
        for path in Path(self.root, "studies").glob("*.toml"):
            build_data["force_include"][str(path)] = f"brianbridge/_share/studies/{path.name}"
