"""Measure speed side by side in one run; every contestant must produce the same spikes."""
