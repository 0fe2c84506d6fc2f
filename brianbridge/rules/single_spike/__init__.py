"""Rules for neurons that fire at most once: first spikes in time, and single spikes at once."""
