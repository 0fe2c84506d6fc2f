"""JSON Schemas for editors: they accept every file that ships, and find mistakes in it."""

from __future__ import annotations

import copy
import io
import json
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.ladder.rungs import read_ladder
from brianbridge.network.files import read_network
from brianbridge.neurons.files import read_entries
from brianbridge.share import share_folder
from brianbridge.study import read_study

ROOT = Path(__file__).parents[2]
READERS = {
    "study": lambda path: read_study(str(path)),
    "ladder": read_ladder,
    "neuron": read_entries,
    "network": read_network,
}
SHIPPED = {
    "study": sorted(share_folder("studies").glob("*.toml")),
    "ladder": sorted(
        [
            *(ROOT / "brianbridge/ladder/ladders").glob("*.toml"),
            *ROOT.glob("studies/remedies/*.toml"),
        ]
    ),
    "neuron": sorted((share_folder("models") / "neurons").glob("*.toml")),
    "network": sorted((share_folder("models") / "networks").glob("*.toml")),
}
FILES = [(kind, path) for kind, paths in SHIPPED.items() for path in paths]


@pytest.fixture(scope="module")
def schemas():
    """Return what the command prints for each kind of file."""
    found = {}
    for kind in READERS:
        with redirect_stdout(io.StringIO()) as out:
            assert main(["schema", kind]) == 0
        found[kind] = json.loads(out.getvalue())
    return found


@pytest.fixture(scope="module")
def errors(schemas):
    """Return a function that lists the errors of a document by its kind's schema."""
    jsonschema = pytest.importorskip("jsonschema")
    validators = {k: jsonschema.Draft202012Validator(schema) for k, schema in schemas.items()}
    return lambda kind, document: list(validators[kind].iter_errors(document))


def test_each_kind_has_files():
    assert {kind for kind, paths in SHIPPED.items() if len(paths) >= 2} == set(READERS)


def test_the_schemas_are_of_the_draft_that_they_name(schemas):
    jsonschema = pytest.importorskip("jsonschema")
    for schema in schemas.values():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_every_file_that_ships_can_be_read(kind, path):
    READERS[kind](path)


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_every_file_that_ships_fits_its_schema(kind, path, errors):
    assert errors(kind, tomllib.loads(path.read_text())) == []


#: A mistake by the file's kind: which table, and what is written into it.
WRONG = [
    ("study", [], {"sed": 1}),
    ("study", [], {"seed": -1}),
    ("study", ["dataset"], {"folds": 1}),
    ("study", ["training"], {"epochs": 0}),
    ("study", ["training"], {"epoch": 3}),
    ("study", ["training"], {"optimizer": "adam"}),
    ("study", ["training"], {"spike_rate": {"rate": 0.0}}),
    ("study", ["training"], {"quantisation": {"bits": 1}}),
    ("study", ["spike_function"], {"name": "arctn"}),
    ("study", ["spike_function"], {"levels": "some"}),
    ("study", ["network", "layers", 0], {"units": 0}),
    ("study", ["network", "layers", 0], {"kind": "densse"}),
    ("study", ["network"], {"model": "lenet"}),
    ("ladder", ["rung", 0], {"repeat": 3}),
    ("ladder", ["rung", 0], {"perturb": {"finer_td": {}}}),
    ("ladder", ["rung", 0], {"perturb": {"finer_dt": {"divisr": 3}}}),
    ("ladder", ["rung", 0], {"max_accuracy_drop": 2}),
    ("neuron", [], {"equation": "dv/dt = 0*Hz : 1"}),
    ("neuron", [], {"equations": 3}),
    ("network", [], {"readout": "rate"}),
    ("network", [], {"input_shape": []}),
    ("network", ["layers", 0], {"kernel": [3, 3, 3]}),
]
START = {
    "study": "digits_spike_count",
    "ladder": "short",
    "neuron": "lif",
    "network": "lenet",
}


def changed(kind, where, entries):
    """Return a file that ships, with entries written into one of its tables."""
    (path,) = [path for path in SHIPPED[kind] if path.stem == START[kind]]
    document = tomllib.loads(path.read_text())
    table = document
    for part in where:
        table = table[part] if isinstance(part, int) else table.setdefault(part, {})
    table.update(copy.deepcopy(entries))
    return document


@pytest.mark.parametrize(("kind", "where", "entries"), WRONG, ids=str)
def test_a_mistake_is_found_by_the_schema(kind, where, entries, errors):
    assert errors(kind, changed(kind, where, entries))


@pytest.mark.parametrize(("kind", "where", "entries"), WRONG, ids=str)
def test_and_by_the_reader(kind, where, entries, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(as_toml(changed(kind, where, entries)))
    with pytest.raises(InputError, match=r"wrong\.toml") as refused:
        READERS[kind](path)
    assert "\n" not in str(refused.value)


#: What registries know, which the schema checks and the reader leaves to whom it concerns.
@pytest.mark.parametrize(
    ("kind", "where", "entries"),
    [
        ("study", [], {"rule": {"name": "spike_cuont"}}),
        ("study", ["rule"], {"gaet": "count"}),
        ("study", ["network"], {"encoding": {"kind": "latncy", "steps": 3}}),
        ("network", [], {"encoding": {"kind": "latency", "step": 3}}),
    ],
)
def test_the_schema_knows_the_registries(kind, where, entries, errors):
    assert errors(kind, changed(kind, where, entries))


def as_toml(value, top=True):
    """Write a document of tables, lists, texts, numbers and booleans as TOML."""
    if isinstance(value, dict):
        lines = [f"{json.dumps(k)} = {as_toml(v, top=False)}" for k, v in value.items()]
        return "\n".join(lines) if top else "{" + ", ".join(lines) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(v, top=False) for v in value) + "]"
    return json.dumps(value)


def undescribed(schema, path=""):
    """Return the keys of a schema that have no description."""
    if isinstance(schema, list):
        return [key for n, part in enumerate(schema) for key in undescribed(part, f"{path}.{n}")]
    if not isinstance(schema, dict):
        return []
    properties = schema.get("properties", {})
    found = [
        f"{path}.{name}"
        for name, entry in properties.items()
        if not {"description", "const", "$ref"} & set(entry)
    ]
    for key, part in schema.items():
        found += undescribed(part, f"{path}.{key}")
    return found


@pytest.mark.parametrize("kind", ["study", "neuron", "network"])
def test_every_key_is_described(kind, schemas):
    assert undescribed(schemas[kind]) == []
    assert schemas[kind]["description"]


def test_no_such_kind(capsys):
    assert main(["schema", "stduy"]) == 2
    assert "invalid choice: 'stduy'" in capsys.readouterr().err
