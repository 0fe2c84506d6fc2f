"""Rules for neurons that fire at most once.

`first_spike` trains the times of first spikes, with a gradient in every step (`every_step`) or at
the spike (`at_spike`); `vectorised` trains single spikes without a loop over time. All other
modules serve one or both of these rules. May import what `brianbridge.rules` may.
"""
