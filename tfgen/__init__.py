"""tfgen: train a generative model on your own data, steer it, judge it, ship it."""

__version__ = "0.1.0"
