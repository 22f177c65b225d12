"""What a model of arrays is built of: generators, discriminators, encoders and decoders, one module per design.

A design is a class that is called with an ArraySpecification and a config, says in `suits` which it can be, and has
`generator`, `decoder`, `discriminator` and `encoder`, each of which makes a layer of the given name. Its `can_tile`
says whether the generator heeds the config's `tile`.
"""

from typing import Any

from tfgen.catalog import NETWORKS
from tfgen.errors import UserError
from tfgen.representations.arrays.specification import ArraySpecification


def open_networks(example: ArraySpecification, config: Any) -> Any:
    """The design that the config names; for "auto" the first that suits. Raises UserError where it doesn't suit."""
    able = [name for name in NETWORKS if NETWORKS.load(name).suits(example)]
    name = able[0] if config.network == "auto" else config.network
    design = NETWORKS.load(name)
    if not design.suits(example):
        shape = "x".join(map(str, example.shape))
        raise UserError(f"The network '{name}' can't make arrays of {shape}.", f"Choose one of: {', '.join(able)}.")
    if getattr(config, "tile", False):
        _check_tile(name, design, example)
    return design(example, config)


def _check_tile(name: str, design: Any, example: ArraySpecification) -> None:
    if not example.may_tile:
        raise UserError(f"tile=true is for pictures, not for {example.plural}.", "Leave tile out.")
    if not getattr(design, "can_tile", False):
        raise UserError(f"The network '{name}' can't tile.", "Set network=convolutional, or leave tile out.")
