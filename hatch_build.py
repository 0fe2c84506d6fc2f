"""Build hooks: the study files and small trained networks of the wheel, and its description.

The description is the README. Its links lead to files of the repository, which an index page does
not have: they become absolute if ``project.urls`` names the repository, and plain text if not.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

#: The largest trained network that the wheel brings, in bytes.
LARGEST = 100_000

#: ``[text](target)`` and ``![text](target)``, unless the target is an address.
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")


class StudyFiles(BuildHookInterface):
    """Add studies and trained networks where an installed package looks for them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; an editable install finds them in the tree."""
        if version == "editable":
            return
        studies = Path(self.root, "studies")
        small = (p for p in (studies / "trained").glob("*.h5") if p.stat().st_size < LARGEST)
        for path in (*studies.glob("*.toml"), *small):
            place = path.relative_to(self.root).as_posix()
            build_data["force_include"][str(path)] = f"brianbridge/_share/{place}"


class Description(MetadataHookInterface):
    """Make the description of the README."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        url = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(text, url)}


def description(text: str, url: str) -> str:
    """Return a README whose links do not depend on the place of the file.

    Parameters
    ----------
    text : str
        The README.
    url : str
        Address of the repository; if empty, links become their text, and pictures go.

    Examples
    --------
    >>> description("See [design](docs/design.md).", "https://example.org/brianbridge/")
    'See [design](https://example.org/brianbridge/blob/HEAD/docs/design.md).'
    >>> description("See [design](docs/design.md).", "")
    'See design.'
    """

    def link(found: re.Match[str]) -> str:
        picture, shown, target = found.groups()
        if not url:
            return "" if picture else shown
        kind = "raw" if picture else "blob"
        return f"{picture}[{shown}]({url.rstrip('/')}/{kind}/HEAD/{target})"

    return _LINK.sub(link, text)
