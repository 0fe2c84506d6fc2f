"""Where input spikes fall within a coarse step: the same in every path and every batch."""

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.encoding.moments import draw_fine_steps
from brianbridge.errors import InputError

X = np.random.default_rng(0).random((7, 5))
DT, COARSE = 1e-3, 4


def network(theta=1.0, weight=1.0, **options):
    neuron = bb.neuron_model("if", theta=theta)
    net = bb.SpikingNetwork.sequential(
        (5,), [bb.Dense(5, neuron)], encoding=Bernoulli(steps=12, dt=DT), **options
    )
    name = net.projections[0].name
    return net.with_weights({name: (weight * np.eye(5), np.zeros(5))})


def run(net=None, **options):
    options = {"dt": DT / COARSE, "timing": "uniform", "seed": 3} | options
    return bb.simulate(net or network(0.99), X, **options).raster("output")


def test_spikes_keep_their_coarse_step_and_their_number():
    """Neurons that fire with every input spike show where those fell."""
    coarse = run().reshape(12, COARSE, 7, 5).sum(1)
    np.testing.assert_array_equal(coarse, run(dt=DT))


def test_every_fine_step_has_the_same_chance():
    encoded = EncodedInput(raster=np.ones((500, 8, 4)))
    drawn = draw_fine_steps(encoded, np.arange(8), coarse=5, seed=1)
    shares = np.bincount(drawn.ravel()) / drawn.size
    # Five standard deviations of a share of 16,000 draws.
    np.testing.assert_allclose(shares, 0.2, atol=5 * np.sqrt(0.2 * 0.8 / drawn.size))


@pytest.mark.parametrize(
    "backend",
    [
        bb.Backend(batch_size=2),
        bb.Backend(threads=1),
        bb.Backend(path="reference"),
        bb.Backend(path="reference", batch_size=3),
    ],
    ids=str,
)
def test_batches_threads_and_path_change_nothing(backend):
    net = network(1.7, 1.1)
    np.testing.assert_array_equal(run(net, backend=backend), run(net))


def test_standalone_program_agrees():
    np.testing.assert_array_equal(
        run(backend=bb.Backend(device="cpp_standalone", batch_size=4)), run()
    )


def test_the_seed_matters_and_is_all_that_does():
    assert (run(seed=4) != run()).any()
    np.testing.assert_array_equal(run(), run())


def test_places_follow_the_number_of_a_sample():
    swapped = bb.simulate(
        network(0.99), X[::-1], dt=DT / COARSE, timing="uniform", seed=3, index=np.arange(7)[::-1]
    )
    np.testing.assert_array_equal(swapped.raster("output")[:, ::-1], run())


def test_unknown_timing_is_refused():
    with pytest.raises(InputError, match=r"there is no timing 'unifrom'.*uniform"):
        run(timing="unifrom")


@pytest.mark.parametrize("timing", ["start", "uniform"])
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_listed_spikes_and_rasters_are_the_same_input(timing, batch_size):
    """Samples become lists of spikes, and encoded samples are looked through for theirs."""
    net, options = network(0.99), {"dt": DT / COARSE, "timing": timing, "seed": 3}
    backend = bb.Backend(batch_size=batch_size, threads=1)
    listed = bb.simulate(net, X, backend=backend, **options)
    encoded = net.encoding.encode(X, np.arange(len(X)))
    given = bb.simulate(net, encoded, backend=backend, **options)
    reference = bb.simulate(net, X, backend=bb.Backend(path="reference"), **options)
    assert listed.counts["output"].any()
    for other in (given, reference):
        np.testing.assert_array_equal(other.raster("output"), listed.raster("output"))
