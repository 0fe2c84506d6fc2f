"""Every block of every page runs: here, or in the test of the page.

Python blocks run in the order of the page, with fewer epochs and iterations. Commands are parsed,
and TOML files are read; tests of their rooms run them.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from brianbridge.cli import command_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

#: Pages with a test of their own.
ELSEWHERE = {
    "brian2.md": "simulation/test_brian2_page.py",
    "extending.md": "extending/test_extending.py",
    "fitting.md": "fitting/test_page.py",
    "nir.md": "interchange/test_nir_page.py",
    "parameters.md": "training/test_parameters_page.py",
    "spikes.md": "io/test_spikes_page.py",
    "torch.md": "interchange/test_torch_page.py",
    "twin_layer.md": "twin/test_twin_layer_page.py",
}
#: Pages that take half a minute.
LONG = {"gallery.md", "recording.md", "fidelity.md"}

_NETWORK = """
import numpy as np, torch, brianbridge as bb
lif = bb.neuron_model("lif")
network = bb.SpikingNetwork.sequential(
    (8, 8), [bb.Dense(12, lif), bb.Dense(10, lif)], encoding=bb.Current(steps=5), weight_gain=4.0)
train, test = bb.load_dataset("digits", seed=1)
test = bb.from_arrays("few", test.x[:40], test.y[:40], classes=test.classes)
x = test.x
"""
_OF_BRIAN2 = """
from brian2 import *
prefs.codegen.target = "numpy"
pixels = PoissonGroup(4, rates=50*Hz, name="pixels")
cells = NeuronGroup(3, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact")
wires = Synapses(pixels, cells, "w : 1", on_pre="v += w")
wires.connect()
wires.w = 0.5
network = Network(pixels, cells, wires)
"""
_RECORDINGS = """
from pathlib import Path
for label in ("left", "right"):
    Path("recordings", label).mkdir(parents=True)
    np.savez(f"recordings/{label}/0.npz", t=np.arange(50)*1000, x=np.arange(50) % 128,
             y=np.arange(50) % 128, p=np.arange(50) % 2)
"""

#: What a fragment of a page refers to, by page and number of the block before which it runs.
BEFORE: dict[str, dict[int, str]] = {
    "fidelity.md": {0: _NETWORK},
    "training.md": {
        0: _NETWORK + "twin = bb.to_torch(network)\n"
        "x = torch.tensor(x)\noptimizer = torch.optim.Adam(twin.parameters())\n",
        2: "twin = bb.to_torch(network)\n",
    },
    "cluster_training.md": {1: "import os\nos.environ['LOCAL_RANK'] = '0'\n"},
    "README.md": {1: _OF_BRIAN2},
    "data/README.md": {
        0: _NETWORK
        + "from brianbridge import datasets\ny, layers = np.arange(40) % 2, [bb.Dense(2, lif)]\n",
        1: _RECORDINGS,
    },
}
#: What is other in a test: no GPU, few epochs, few starts, one process, sets that are there.
INSTEAD = (
    (r"epochs=\d+", "epochs=1"),
    (r"epochs( +)= \d+", r"epochs\1= 1"),
    (r"for epoch in range\(\d+\)", "for epoch in range(1)"),
    (r"starts=\d+", "starts=2"),
    (r"""f"cuda:\{.*?\}\"""", '"cpu"'),
    (r"workers=4", "workers=1"),
    (r'(?<!schedule=)"default"', '"short"'),
    (r'split = datasets.load_dataset\("nmnist".*', ""),
)


def name_of(page: Path) -> str:
    return page.name if DOCS in page.parents else str(page.relative_to(ROOT))


def pages() -> list[Path]:
    made = {"_build", "generated"}
    found = [p for p in DOCS.rglob("*.md") if not made & set(p.parts)]
    return sorted([*found, ROOT / "README.md", ROOT / "data" / "README.md"])


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the blocks of a page in some languages; those with a file name are files."""
    text = page.read_text(encoding="utf-8")
    heads = "|".join(map(re.escape, languages))
    found = re.findall(rf"^```(?:{heads}) *\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^(?::.*\n)+\n?", "", block) for block in found]


def python(page: Path) -> list[str]:
    return blocks(page, "python", "{code-cell}", "{code-cell} ipython3")


RUN_HERE = [page for page in pages() if python(page) and name_of(page) not in ELSEWHERE]


def test_pages_of_other_tests_are_read_there() -> None:
    for name, test in ELSEWHERE.items():
        assert (DOCS / name).exists()
        assert f'"{name}"' in (ROOT / "tests" / test).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if name_of(page) in LONG else [])
        for page in RUN_HERE
    ],
    ids=name_of,
)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "0")
    before = BEFORE.get(name_of(page), {})
    scope: dict[str, Any] = {"__name__": "page"}
    for number, block in enumerate(python(page)):
        code = before.get(number, "") + block
        for pattern, text in INSTEAD:
            code = re.sub(pattern, text, code)
        exec(compile(code, f"{page}, block {number}", "exec"), scope)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_commands_are_commands(page: Path) -> None:
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "brianbridge":
                assert command_parser().parse_args(words[1:]).command


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_toml_is_toml(page: Path) -> None:
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)
