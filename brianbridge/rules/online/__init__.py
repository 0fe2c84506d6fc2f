"""What the rule ``ottt`` consists of: steps with traces, their decay, and running statistics."""
