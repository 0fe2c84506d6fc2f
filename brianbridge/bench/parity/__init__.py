"""Compare twin and Brian2, spike by spike, on random networks: ``brianbridge bench parity``."""
