"""Upscaling: pictures larger than a run makes, by a small network that learned from the run's own data.

    network.py   the network, which doubles the sides of a picture
    pairs.py     pictures of the run's data in two sizes
    learning.py  learns from those, and is kept beside the run's weights
    stage.py     enlarges samples and files
    exports.py   as a SavedModel and a TFLite file
"""
