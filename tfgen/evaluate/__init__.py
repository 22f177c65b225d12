"""A run to numbers: features once, then pure functions of them; baselines beside every score; alarms."""
