"""The gradients of online training through time, against its formula and against other rules."""

import pytest
import torch
from ottt_by_hand import (
    BATCH,
    CLASSES,
    ENCODINGS,
    LIF,
    STEPS,
    ByHand,
    assert_same,
    batch_of,
    convolutional,
    dense,
    learned,
    prepared,
    with_random_weights,
)

from brianbridge.encoding import Bernoulli
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.rules import OTTT, SurrogateGradient


@pytest.mark.parametrize("readout", ["potential", "counts"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("make", [dense, convolutional])
def test_gradients_are_those_of_the_formula(make, encoding, readout):
    rule = OTTT(mse=0.2, gain=1.5)
    net = make(encoding, readout)
    twin = prepared(net, rule)
    inputs, labels = batch_of(twin)
    assert_same(learned(rule, twin, inputs, labels), ByHand(twin, rule).gradients(inputs, labels))


def test_a_surrogate_derivative_of_the_user():
    rule = OTTT(width=0.5, scale=0.7)
    twin = prepared(dense(), rule)
    inputs, labels = batch_of(twin)
    assert_same(learned(rule, twin, inputs, labels), ByHand(twin, rule).gradients(inputs, labels))


def test_a_silenced_neuron_leaves_no_trace():
    rule = OTTT()
    twin = prepared(dense(), rule, dropout={"hidden1": 0.5})
    mask = torch.tensor([1.0, 0, 2, 0, 0, 1, 1], dtype=torch.float64).expand(BATCH, 7)
    twin.mask = lambda name, batch: mask if name == "hidden1" else None
    inputs, labels = batch_of(twin)
    found = learned(rule, twin, inputs, labels)
    masked = twin.projection("hidden1_to_hidden2")
    weight, bias = (values.detach() for values in (masked.weight, masked.bias))
    # Without dropout, the same as weights from masked neurons that are multiplied by the mask.
    changed = (mask[0] * weight).numpy(), bias.numpy()
    net = twin.network.with_weights({"hidden1_to_hidden2": changed})
    plain = prepared(net, rule)
    other = learned(rule, plain, inputs, labels)
    for name in found:
        factor = mask[0] if name == "hidden1_to_hidden2" else 1.0
        torch.testing.assert_close(found[name][0], factor * other[name][0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("readout", ["potential", "counts"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_single_step_is_surrogate_gradient_descent(encoding, readout):
    net = dense(encoding, readout, steps=1)
    twins = [prepared(net, OTTT(mse=0.0)) for _ in range(2)]
    inputs, labels = batch_of(twins[0])
    found = learned(OTTT(mse=0.0), twins[0], inputs, labels)
    other = SurrogateGradient("sigmoid", width=0.25, detach_reset=True)
    other.prepare(twins[1])
    assert_same(found, learned(other, twins[1], inputs, labels))


def test_one_layer_has_the_exact_gradient_through_time():
    net = SpikingNetwork.sequential(
        (5,), [Dense(CLASSES, LIF)], encoding=Bernoulli(STEPS), readout="counts"
    )
    rule, net = OTTT(), with_random_weights(net, mean=0.3)
    twin, other = (prepared(net, rule) for _ in range(2))
    inputs, labels = batch_of(twin)
    found = learned(rule, twin, inputs, labels)
    SurrogateGradient("sigmoid", width=0.25, detach_reset=True).prepare(other)
    rule.loss(other.run(*inputs).spikes["output"], labels).backward()
    projection = other.projection("input_to_output")
    torch.testing.assert_close(
        found["input_to_output"][0], projection.weight.grad, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("training", [{}, {"batch_norm": True, "dropout": 0.3}])
def test_parts_and_the_whole_have_the_same_gradient(encoding, training):
    rule = OTTT()
    one, other = (prepared(convolutional(encoding), rule, **training) for _ in range(2))
    inputs, labels = batch_of(one)
    torch.manual_seed(1)
    losses, outputs = [], []
    for response, loss in rule.learn(one, *inputs, labels):
        loss.backward()
        losses.append(loss.item())
        outputs.append(response.output)
    torch.manual_seed(1)
    whole = rule.respond(other, *inputs)
    loss = rule.loss(whole.loss_input, labels)
    loss.backward()
    assert sum(losses) == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(outputs[-1], whole.output)
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        # A bias before a normalisation has no effect.
        assert (a.grad is None) == (b.grad is None), name
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-12, atol=1e-14)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)
