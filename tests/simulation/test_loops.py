"""Compiled loops do what Brian2's NumPy target does, to the last bit."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brian2 import (
    Clock,
    Hz,
    Network,
    NeuronGroup,
    SpikeMonitor,
    TimedArray,
    linked_var,
    ms,
    prefs,
    volt,
)
from library_units import by_unit, scale_of_input

from brianbridge.kernels import generated
from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.simulation.batched import loop_generator
from brianbridge.simulation.batched.loops import LoopCodeObject, run_as_loops

pytest.importorskip("numba")

LEAKY = "dv/dt = -v/(10*ms) + drive : 1\ndrive : Hz"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compile into one temporary folder for all tests, not into the user's."""
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(base))
        # Loops that tests before these have loaded lie in another folder.
        generated.import_source.cache_clear()
        yield base / "brianbridge" / "loops"
    generated.import_source.cache_clear()


@pytest.fixture(autouse=True)
def no_fallback(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which NumPy quietly ran what should have been compiled."""
    loop_generator.warn.cache_clear()
    yield
    if "falls_back" not in request.node.name:
        warnings = [r for r in caplog.get_records("call") if r.name == loop_generator.__name__]
        assert not warnings, warnings[0].getMessage()


def run(group: NeuronGroup, steps: int) -> dict[str, np.ndarray]:
    """Return spikes and everything else that a group holds after a run of 1 ms steps."""
    monitors = [SpikeMonitor(group)] if "spike" in group.events else []
    Network(group, *monitors, group.contained_objects).run(steps * ms)
    found = {
        name: np.array(variable.get_value())
        for name, variable in group.variables.items()
        if variable.array and not name.endswith("space") and not variable.dynamic
    }
    if monitors:
        found |= {"spike i": np.array(monitors[0].i), "spike t": np.array(monitors[0].t_)}
    return found


def assert_same(
    make: Callable[[], NeuronGroup], steps: int = 30, rtol: float = 0
) -> dict[str, np.ndarray]:
    """Run what `make` returns by NumPy and by loops and compare; return what was found."""
    expected = run(make(), steps)
    group = make()
    assert run_as_loops(group) == {}
    found = run(group, steps)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        if rtol and values.dtype == float:
            np.testing.assert_allclose(found[name], values, rtol=rtol, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], values, err_msg=name)
    return found


def random_group(model: Any, n: int, **keywords: Any) -> NeuronGroup:
    """Return a group of `model` in a random state with random drives, some of them strong."""
    if isinstance(model, str):
        model = neuron_model(model)
    group = model.group(n, clock=Clock(dt=1 * ms), **keywords)
    rng = np.random.default_rng(7)
    if scale_of_input(model) < 1:  # in volt
        group.variables["v"].set_value(rng.uniform(-0.07, -0.05, n))
        strongest = by_unit(model, model.drive, {"amp": 1e-9}, 20)
        group.variables["drive"].set_value(rng.uniform(0, strongest, n))
    else:
        group.variables["v"].set_value(rng.uniform(-1, 1, n))
        group.variables["drive"].set_value(rng.uniform(-100, 400, n))
    return group


# ---------------------------------------------------------------------- the library's models


@pytest.mark.parametrize("name", model_names())
def test_library_model_runs_as_in_numpy(name):
    # The last bit of an exponential depends on the library that computes it.
    rtol = 1e-12 if "exp(" in neuron_model(name).equations else 0
    found = assert_same(lambda: random_group(name, 501), steps=100, rtol=rtol)
    assert len(found["spike i"]) > (250 if neuron_model(name).fires_once else 300)


def test_spikes_of_a_large_group_ascend():
    found = assert_same(lambda: random_group("lif", 40_001), steps=3)
    for step in np.unique(found["spike t"]):
        i = found["spike i"][found["spike t"] == step]
        assert len(i) > 1000
        assert (np.diff(i) > 0).all()


def test_every_library_model_is_really_compiled():
    for name in model_names():
        group = random_group(name, 3)
        run_as_loops(group)
        network = Network(group)
        network.run(0 * ms)
        objects = [runner.codeobj for runner in group.contained_objects]
        assert all(isinstance(o, LoopCodeObject) and o._loop is not None for o in objects)


# ---------------------------------------------------------------------- what a model may hold


def leaky(n: int = 20, more: str = "", equations: str = LEAKY, **keywords: Any) -> NeuronGroup:
    keywords = {"threshold": "v > 1", "reset": "v = 0", "method": "euler", **keywords}
    group = NeuronGroup(n, f"{equations}\n{more}", clock=Clock(dt=1 * ms), **keywords)
    group.drive = np.linspace(0, 400, n) * Hz
    return group


def test_parameters_of_each_neuron():
    model = neuron_model("lif", tau=np.linspace(5, 20, 10) * ms, theta=np.linspace(0.5, 2, 10))
    assert len(assert_same(lambda: random_group(model, 50))["spike i"]) > 100


@pytest.mark.parametrize("refractory", ["3*ms", "pause", "v > 0.2", 2 * ms])
def test_refractoriness(refractory):
    unless = LEAKY.replace(": 1", ": 1 (unless refractory)")

    def make() -> NeuronGroup:
        group = leaky(more="pause : second", equations=unless, refractory=refractory)
        group.pause = np.linspace(0, 5, 20) * ms
        return group

    found = assert_same(make, steps=40)
    assert not found["not_refractory"].all()
    assert len(found["spike i"]) > 20


def test_boolean_integer_and_shared_variables():
    def make() -> NeuronGroup:
        group = leaky(
            more="""
            odd : boolean
            count : integer
            share : 1 (shared)
            rise = share*t/ms : 1 (shared, constant over dt)
            """,
            threshold="v > 1 + share and not (odd and count >= 3)",
            reset="v = share + 0.01*rise\ncount += 1 + int(odd)\nodd = not odd or i % 3 == 0",
        )
        group.share = 0.25
        group.odd = "i % 2 == 1"
        return group

    found = assert_same(make)
    assert found["count"].max() == 4
    assert found["rise"] == pytest.approx(0.25 * 29)


def test_subexpressions_linked_variables_and_time():
    other = NeuronGroup(4, "bias : 1")
    other.bias = [0.0, 0.1, 0.2, 0.3]

    def make() -> NeuronGroup:
        group = leaky(
            more="bias : 1 (linked)\nlevel = 1 + bias : 1\nheld = v + bias : 1 (constant over dt)",
            threshold="v > level + t/second",
            reset="v -= level + 0.01*held",
        )
        group.bias = linked_var(other.bias, index=np.arange(20) % 4)
        return group

    assert len(assert_same(make)["spike i"]) > 20


@pytest.mark.parametrize("threshold", ["t > 12*ms", "True", "False"])
def test_condition_that_is_the_same_for_all(threshold):
    found = assert_same(lambda: leaky(threshold=threshold))
    assert len(found["spike i"]) % 20 == 0


@pytest.mark.parametrize(
    "keywords",
    [
        {"reset": ""},
        {"reset": None},
        {"threshold": None, "reset": None, "events": {"up": "v > 0.9"}},
    ],
)
def test_empty_reset_no_reset_and_events(keywords):
    assert_same(lambda: leaky(**keywords))


def test_group_without_equations_or_threshold():
    assert_same(lambda: NeuronGroup(5, "x : 1", threshold="x > 0", reset="x -= 1"))
    assert run_as_loops(NeuronGroup(5, "dx/dt = -x/ms : 1")) == {}


def test_indented_reset_is_read_as_brian2_reads_it():
    assert_same(lambda: leaky(reset="\n        v = 0\n        drive *= 0.9\n    "))


def test_functions_are_those_of_the_numpy_target():
    expressions = {
        "integer": ["int(x)", "int(x > 0)", "floor(x)", "ceil(x)", "timestep(x*ms, dt)", "i % 3"],
        "1": [
            "clip(x, -1, 1)", "clip(floor(x), 0, 2)", "sign(x)", "abs(x)", "x % 0.7", "x // 0.7",
            "x**2", "sqrt(abs(x))", "1/x", "-x % 3", "int(x > 1)*x + int(not (x > 1))/x",
        ],
    }  # fmt: skip
    names = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "exprel", "arctan")
    smooth = [f"{f}(x)" for f in names] + [f"{f}(abs(x))" for f in ("log", "log10", "log1p")]
    smooth += ["arcsin(x/9)", "arccos(x/9)", "x**3", "abs(x)**0.3"]

    def make(which: dict[str, list[str]]) -> NeuronGroup:
        lines = [
            f"y{unit}{k} = {expression} : {unit} (constant over dt)"
            for unit, several in which.items()
            for k, expression in enumerate(several)
        ]
        group = NeuronGroup(400, "x : 1\n" + "\n".join(lines), clock=Clock(dt=1 * ms))
        group.x = np.linspace(-4, 4, 401)[np.arange(401) != 200]
        return group

    assert_same(lambda: make(expressions), steps=1)
    assert_same(lambda: make({"1": smooth}), steps=1, rtol=1e-13)


def test_product_and_sum_are_rounded_apart():
    group = NeuronGroup(64, "da/dt = (b*c - d)/ms : 1\nb : 1\nc : 1\nd : 1", method="euler")
    # b*c rounds to 1; a fused multiply-add would leave -2**-60.
    group.b, group.c, group.d = 1 + 2.0**-30, 1 - 2.0**-30, 1.0
    assert run_as_loops(group) == {}
    Network(group).run(1 * ms)
    assert not np.any(group.a)


# ---------------------------------------------------------------------- what stays with Brian2


def test_random_reset_stays_and_is_reported():
    group = leaky(reset="v = rand()")
    assert run_as_loops(group) == {"reset": "rand() has no compiled form"}
    found = run(group, 20)
    assert len(found["spike i"]) > 10
    assert isinstance(group.state_updater.codeobj, LoopCodeObject)
    assert not isinstance(group.resetter["spike"].codeobj, LoopCodeObject)


def test_noise_and_functions_of_the_user_stay_and_are_reported():
    namespace = {"wave": TimedArray([0.0, 2.0], dt=1 * ms)}
    group = NeuronGroup(
        3,
        "dv/dt = -v/ms + xi/ms**0.5 : 1\nlevel = wave(t) : 1",
        threshold="v > level", reset="v = 0", method="euler", namespace=namespace,
    )  # fmt: skip
    left = run_as_loops(group)
    assert set(left) == {"state update", "threshold"}
    assert left["threshold"] == "wave() has no compiled form"
    run(group, 3)


def test_without_numba_everything_stays(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    left = run_as_loops(leaky())
    assert set(left) == {"state update", "threshold", "reset"}
    assert "pip install numba" in left["reset"]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_single_precision_falls_back_to_numpy(caplog):
    prefs.core.default_float_dtype = np.float32
    with caplog.at_level(logging.WARNING):
        assert_same(leaky, steps=5)
    assert "single precision" in caplog.text


def test_loop_that_does_not_compile_falls_back_to_numpy(caplog, monkeypatch):
    def fail(self: Any, loop: Any) -> None:
        exec(self._scalar_code, self.namespace)
        raise TypeError("no such type")

    monkeypatch.setattr(LoopCodeObject, "_step", fail)
    assert_same(lambda: leaky(more="dark = t/ms : 1 (shared, constant over dt)"))
    assert "no such type" in caplog.text


# ---------------------------------------------------------------------- runs and the cache


def test_store_and_restore():
    group = leaky()
    run_as_loops(group)
    monitor = SpikeMonitor(group)
    network = Network(group, monitor)
    network.run(5 * ms)
    network.store()
    spikes = []
    for _ in range(2):
        network.restore()
        network.run(20 * ms)
        spikes.append((np.array(monitor.i), np.array(monitor.t_), np.array(group.v)))
    assert len(spikes[0][0]) > 20
    for first, second in zip(*spikes, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("alike", [True, False])
def test_a_variable_that_nothing_changes_may_be_read_once(alike):
    drive = np.full(40, 150.0) if alike else np.linspace(0, 200, 40)

    def made(loops: bool) -> dict[str, np.ndarray]:
        group = NeuronGroup(40, LEAKY, threshold="v > 1", reset="v = 0", method="exact")
        group.drive = drive * Hz
        if loops:
            assert run_as_loops(group, ("drive",)) == {}
        return run(group, 30)

    found, expected = made(True), made(False)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_another_group_of_a_model_finds_the_compiled_loops(own_cache):
    def make(name: str, theta: float) -> NeuronGroup:
        group = neuron_model("lif", theta=theta).group(30, name=name)
        run_as_loops(group)
        run(group, 2)
        return group

    make("first", 1.0)
    files = {path: path.stat().st_mtime_ns for path in own_cache.glob("*.py")}
    modules = [name for name in sys.modules if name.startswith("brianbridge_loop_")]
    # As another process would: nothing loaded yet.
    generated.import_source.cache_clear()
    for name in modules:
        del sys.modules[name]
    group = make("second", 1.25)
    assert {path: path.stat().st_mtime_ns for path in own_cache.glob("*.py")} == files
    compiled = group.state_updater.codeobj._module.loop
    assert sum(compiled.stats.cache_hits.values()) == 1
    assert sum(compiled.stats.cache_misses.values()) == 0


def test_folder_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    taken = tmp_path / "file"
    taken.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(taken))
    assert generated._cache_folder(str(taken)).is_dir()


def test_damaged_file_is_written_anew(own_cache):
    source = "value = 3\n"
    assert generated.import_source(source).value == 3
    (path,) = [p for p in own_cache.glob("*.py") if p.read_text() == source]
    path.write_text("")
    generated.import_source.cache_clear()
    assert generated.import_source(source).value == 3


def test_units_are_no_obstacle():
    def make() -> NeuronGroup:
        group = NeuronGroup(
            9, "dv/dt = (level - v)/(5*ms) : volt\nlevel : volt", threshold="v > 10*mV",
            reset="v = -5*mV", method="exponential_euler", clock=Clock(dt=1 * ms),
        )  # fmt: skip
        group.level = np.linspace(0, 0.05, 9) * volt
        return group

    assert len(assert_same(make)["spike i"]) > 10
