"""Data that comes with the package, so that the first command works on a machine with no network."""

from dataclasses import replace
from pathlib import Path

from tfgen.data.examples import Examples
from tfgen.data.idx import read_pair
from tfgen.data.request import Request

DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def open_digits(request: Request) -> Examples:
    """10,000 real handwritten digits (the test images of MNIST), 28x28, grey, with their names as prompts."""
    images = Path(__file__).parent / "digits" / "t10k-images-idx3-ubyte.gz"
    return read_pair(replace(request, source="digits"), "digits", images, names=DIGIT_NAMES)
