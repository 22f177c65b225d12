"""Handwritten digits that come with the package, so that the first command works on a machine with no network."""

from dataclasses import replace
from pathlib import Path

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.request import DataRequest
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.idx import read_pair

DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _open(request: DataRequest) -> ImageExamples:
    """10,000 real handwritten digits (the test images of MNIST), 28x28, grey, with their names as prompts."""
    images = Path(__file__).parent / "t10k-images-idx3-ubyte.gz"
    return read_pair(replace(request, source="digits"), "digits", images, names=DIGIT_NAMES)


open_digits = EmbeddedSet("image", _open, "CC BY-SA 3.0, as MNIST is commonly listed")
