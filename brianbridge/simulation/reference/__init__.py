"""The reference path through Brian2: plain `NeuronGroup` and `Synapses`, in Python or as C++.

It is slow, and the other paths are judged by it: their spikes must be equal. `builder` builds the
network (with `synapses`, `monitors` and `delayed_values`), `run` and `standalone` run it. This
package may import `brianbridge.network`, `brianbridge.neurons` and the front of
`brianbridge.simulation`, but not the batched path.
"""
