"""Rules that learn at the equilibrium of a feedback network: SPIDE and implicit gradients."""
