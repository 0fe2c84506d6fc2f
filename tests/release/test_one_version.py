"""Version and requirements are the same wherever they are written."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from brianbridge.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
#: Packages that have another name on conda-forge.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_the_version_is_in_every_file_that_names_it() -> None:
    number = __version__.partition(".dev")[0]
    for name, text in (
        ("CITATION.cff", f"\nversion: {number}\n"),
        ("CHANGELOG.md", f"\n## {number} "),
        ("conda/recipe.yaml", f'\n  version: "{number}"\n'),
    ):
        assert text in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_recipe_has_the_requirements_of_the_project() -> None:
    asked = {}
    for requirement in PROJECT["dependencies"]:
        name, lowest = re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()
        asked[CONDA.get(name, name)] = lowest
    run = RECIPE.partition("  run:\n")[2].partition("\n\n")[0]
    found = dict(re.findall(r"- ([\w-]+) >=([\d.]+)", run))
    assert found == asked


def test_every_python_that_is_claimed_is_tested() -> None:
    named = re.search(r"^PYTHONS = (.*)$", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE)
    assert named is not None
    claimed = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert list(ast.literal_eval(named[1])) == claimed
    assert PROJECT["requires-python"] == f">={claimed[0]}"


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file of requirements names, by package."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {
        normal(package): version
        for package, _, version in (line.partition("==") for line in lines)
        if version
    }


def normal(requirement: str) -> str:
    """Return the package of a requirement, as indexes write it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def test_every_package_that_is_asked_for_has_its_version_named() -> None:
    extras = PROJECT["optional-dependencies"].values()
    asked = {normal(text) for text in sum(extras, PROJECT["dependencies"])} - {"brianbridge"}
    assert asked <= pins("constraints.txt").keys() | pins("frameworks.txt").keys()


def test_the_second_set_of_versions_has_the_torch_of_the_first() -> None:
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f'"torch=={pins("constraints.txt")["torch"]}"' in text


def test_every_file_of_the_second_set_is_there() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    files = re.search(r"^SENSITIVE := (.*)$", text, re.MULTILINE)[1].split()
    assert files
    assert not [name for name in files if not (ROOT / name).is_file()]


def test_every_reference_of_the_paper_is_known() -> None:
    known = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper/paper.bib").read_text(), re.MULTILINE))
    cited = set(re.findall(r"@(\w+)", (ROOT / "paper/paper.md").read_text(encoding="utf-8")))
    assert cited == known
