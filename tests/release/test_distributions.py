"""What the wheel and the sdist hold, and what an index page shows."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = str(tmp_path_factory.mktemp("wheel"))
    (path,) = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Return the sizes of the files of the sdist, by their path in the repository."""
    folder = str(tmp_path_factory.mktemp("sdist"))
    (path,) = SdistBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    with tarfile.open(path) as archive:
        return {m.name.partition("/")[2]: m.size for m in archive.getmembers() if m.isfile()}


def test_the_wheel_brings_what_a_user_runs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for name in (
        "brianbridge/report/report.html",
        "brianbridge/_share/data/registry.toml",
        "brianbridge/_share/models/neurons/lif.toml",
        "brianbridge/_share/studies/iris_spike_count.toml",
        "brianbridge/_share/studies/trained/digits_spike_count.h5",
    ):
        assert name in names


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(info.compress_size for info in wheel.infolist()) < 3e6
    assert not [name for name in wheel.namelist() if "/results/" in name or "/tests/" in name]


def test_the_licence_is_in_the_wheel_and_in_the_sdist(
    wheel: zipfile.ZipFile, metadata: Message, sdist: dict[str, int]
) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("licenses/LICENSE"))
    assert b"CeCILL FREE SOFTWARE LICENSE AGREEMENT" in wheel.read(name)
    assert metadata["License-Expression"] == "CECILL-2.1"
    assert "LICENSE" in sdist


def test_the_report_needs_no_extra(metadata: Message) -> None:
    plain = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert {"jinja2", "matplotlib"} <= {re.split(r"[<>=;]", text)[0] for text in plain}


def test_the_sdist_builds_the_same_wheel_without_results(sdist: dict[str, int]) -> None:
    assert sum(sdist.values()) < 10e6
    assert {"README.md", "pyproject.toml", "hatch_build.py", "CITATION.cff"} <= set(sdist)
    assert "studies/trained/digits_spike_count.h5" in sdist
    assert not [name for name in sdist if name.startswith(("tests/", "studies/results/"))]


def test_the_description_has_no_link_that_breaks_on_an_index_page(metadata: Message) -> None:
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert "Train spiking networks in PyTorch" in text
    assert not re.findall(r"\]\((?!\w+:)[^)]*\)", text)


def test_links_become_absolute_where_the_repository_has_an_address() -> None:
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = module_from_spec(spec)
    spec.loader.exec_module(hooks)
    given = "![plot](docs/a.png) [page](docs/b.md#c) [elsewhere](https://example.org)"
    assert hooks.description(given, "https://example.org/r") == (
        "![plot](https://example.org/r/raw/HEAD/docs/a.png) "
        "[page](https://example.org/r/blob/HEAD/docs/b.md#c) [elsewhere](https://example.org)"
    )
    assert hooks.description(given, "") == " page [elsewhere](https://example.org)"
