"""Whether what a model makes, and the model itself, can be trusted: by people in the data and by people who see it."""
