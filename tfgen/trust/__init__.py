"""Whether a model and what it makes can be trusted: by people in the data and by people who see it; why it makes what
it makes, and at what cost."""
