"""What Hypothesis draws of `brianbridge.bench.parity.case`: cases that print in one line."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from brianbridge.bench.parity.case import ENCODINGS, EXTRA, FORWARD, Case
from brianbridge.bench.parity.neurons import UNBOUNDED


def path_cases(model: str, **fixed: Any) -> st.SearchStrategy[Case]:
    """Draw cases of one model; keywords hold fields of `Case` fixed."""
    dyadic = fixed.get("dyadic", False)
    steps_of = (2.0**-9, 2.0**-10, 2.0**-13)
    longest = 1e-3 if model in UNBOUNDED else 2e-3
    drawn = {
        "model": st.just(model),
        "encoding": st.sampled_from(ENCODINGS),
        "readout": st.sampled_from(("counts", "counts", "potential", "first_spike")),
        "schedule": st.sampled_from(("canonical", "canonical", "canonical", "default")),
        "forward": st.lists(st.sampled_from(FORWARD), min_size=2, max_size=4).map(tuple),
        "extra": st.lists(st.sampled_from(EXTRA), max_size=3, unique=True).map(tuple),
        "delays": st.booleans(),
        "bias": st.booleans(),
        "per_neuron": st.booleans(),
        "samples": st.integers(2, 5),
        "batch_size": st.integers(1, 3),
        "steps": st.integers(8, 20),
        "dt": st.sampled_from(steps_of) if dyadic else st.floats(1e-4, longest),
        "seed": st.integers(0, 2**32 - 1),
    }
    if model == "ternary_if" and not dyadic:
        # Without leak and bias, an input that is taken back leaves a neuron that fired -1 right at
        # its threshold, where the order of a sum decides.
        drawn["bias"] = st.just(True)
    drawn.update({key: st.just(value) for key, value in fixed.items()})
    return st.builds(Case, **drawn)
