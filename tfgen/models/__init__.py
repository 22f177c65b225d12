"""Tensors to samples: the generative models, and the noise that they start from."""
