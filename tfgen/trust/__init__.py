"""Whether a model and what it makes can be trusted: by people in the data, by people who see it, and at what cost."""
