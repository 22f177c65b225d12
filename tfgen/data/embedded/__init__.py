"""Data that comes with the package, so that the first command works on a machine with no network."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tfgen.data.examples import Examples
from tfgen.data.idx import read_pair
from tfgen.data.request import Request

if TYPE_CHECKING:
    from tfgen.data.text.examples import TextExamples

DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def open_digits(request: Request) -> Examples:
    """10,000 real handwritten digits (the test images of MNIST), 28x28, grey, with their names as prompts."""
    images = Path(__file__).parent / "digits" / "t10k-images-idx3-ubyte.gz"
    return read_pair(replace(request, source="digits"), "digits", images, names=DIGIT_NAMES)


def open_shakespeare(request: Request) -> "TextExamples":
    """A million letters from Shakespeare's plays, as one document whose end is held out."""
    from tfgen.data.text.documents import Strings
    from tfgen.data.text.prepare import examples_of_source

    path = Path(__file__).parent / "shakespeare" / "input.txt.gz"
    size = path.stat().st_size
    plays = Strings("shakespeare", ["embedded"], size, lambda: [gzip.decompress(path.read_bytes())])
    return examples_of_source(replace(request, source="shakespeare"), plays)
