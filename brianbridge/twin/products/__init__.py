"""Products of spikes and weights whose cost follows the number of spikes."""
