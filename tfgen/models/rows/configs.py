"""Every setting of the models of rows, with its range: apart from the models, so that a wrong one is refused before
TensorFlow is loaded."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from tfgen.config import setting
from tfgen.models.configs import large_batch
from tfgen.representations.rows.codec import FEW_ROWS
from tfgen.representations.rows.specification import RowSpecification

_WIDE, _WIDEST = 40, 2400  # columns, and hidden numbers of them all


def _epochs(default: int) -> Any:
    what = "how often each row is learned at the most; 0: as often as the minutes allow"
    return setting(default, what, low=0, high=100000)


@dataclass(frozen=True)
class RowGPTConfig:
    """Every setting of a GPT of rows; how the defaults were found is in docs/log.md."""

    sizes: ClassVar = {"tiny": {"width": 32}, "small": {"width": 64}, "base": {"width": 128}}
    architecture: ClassVar = ("width", "embedding")  # of a run to begin with

    width: int = setting(64, "hidden numbers of each column", low=4, high=1024)
    embedding: int = setting(16, "numbers that stand for a value inside", low=2, high=256)
    batch_size: int = setting(512, "examples that a step learns from", low=2, high=65536)
    epochs: int = _epochs(18)
    masks: int = setting(
        8, "parts of a batch, each of which learns with another random choice of known columns", low=1, high=256
    )
    shrink: float = setting(
        30.0, "about how many rows a value needs before its embedding leaves its neighbours'", low=0, high=1e+06
    )
    dropout: float = setting(0.2, "share of the hidden numbers that is left out while it learns", low=0, high=0.9)
    learning_rate: float = setting(3e-3, "learning rate after the warm-up; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.02, "the last learning rate, as a share of the first", low=0, high=1)
    warm_up: int = setting(50, "steps in which the learning rate rises", low=0, high=100000)
    weight_decay: float = setting(0.01, "decay of the weights, per step and unit of the learning rate", low=0, high=10)
    average_decay: float = setting(0.998, "decay of the averaged weights that rows come from", low=0, high=0.999999)

    private_only: ClassVar = {}  # what a private fit can't have otherwise

    @classmethod
    def suited_to_privacy(cls, example: RowSpecification, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit: few numbers, each of which gets noise, and long steps; the noise itself
        keeps it from learning by heart."""
        width = cls.suited(example, size).get("width", cls.sizes[size]["width"])
        own = {"width": min(32, width), "embedding": 8, "learning_rate": 0.02, "dropout": 0.0, "weight_decay": 0.0}
        return {**own, "batch_size": large_batch(count), "epochs": 12}

    @classmethod
    def suited(cls, example: RowSpecification, size: str) -> dict[str, Any]:
        """The defaults for so many rows and columns, where they aren't the class's own."""
        columns, own = len(example.fields), {}
        width = cls.sizes[size]["width"]
        if example.count < FEW_ROWS:
            # So few hidden numbers, and next to nothing of a token's own, so that single rows can't be kept in mind.
            narrow = 2 ** round(math.log2(1.3 * math.sqrt(example.count / columns)))
            own |= {"embedding": 8, "batch_size": 64, "shrink": 10000.0, "learning_rate": 2e-3, "weight_decay": 0.3}
            own |= {"width": min(width, max(4, narrow)), "epochs": 150}
        if columns > _WIDE:  # all columns go into one product with all
            most = min(width // 2, max(8, _WIDEST // columns))
            own |= {"embedding": 8, "width": min(most, own.get("width", most))}
            own |= {"masks": 4 if columns < 2 * _WIDE else 2}
        return own


@dataclass(frozen=True)
class RowVAEConfig:
    """Every setting of a VAE of rows."""

    sizes: ClassVar = {"tiny": {"width": 128}, "small": {"width": 256}, "base": {"width": 512}}
    architecture: ClassVar = ("width", "embedding", "latent_dim")  # of a run to begin with
    private_only: ClassVar = {"components": 0}  # mixtures are fitted to the rows' own latents

    width: int = setting(256, "hidden numbers of a layer", low=4, high=4096)
    embedding: int = setting(16, "numbers that stand for a value inside", low=2, high=256)
    latent_dim: int = setting(24, "how many latent numbers a row is made from", low=1, high=4096)
    batch_size: int = setting(512, "examples that a step learns from", low=2, high=65536)
    epochs: int = _epochs(60)
    beta: float = setting(
        0.3, "weight of the KL term: more for smoother latents, less for sharper rows", low=0, high=1e+06
    )
    learning_rate: float = setting(2e-3, "learning rate at the start; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.02, "the last learning rate, as a share of the first", low=0, high=1)
    average_decay: float = setting(0.998, "decay of the averaged weights that rows come from", low=0, high=0.999999)
    components: int = setting(
        160, "Gaussians in the mixture that sampling starts from; 0: the standard normal", low=0, high=1000
    )

    @classmethod
    def suited_to_privacy(cls, example: RowSpecification, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit: samples come from the standard normal, so latents must come near it."""
        return {"batch_size": large_batch(count), "epochs": 12, "width": 128, "beta": 1.0}


@dataclass(frozen=True)
class RowGANConfig:
    """Every setting of a GAN of rows."""

    sizes: ClassVar = {"tiny": {"width": 128}, "small": {"width": 256}, "base": {"width": 512}}
    architecture: ClassVar = ("width", "latent_dim", "pack")  # of a run to begin with

    width: int = setting(256, "hidden numbers of a layer", low=4, high=4096)
    latent_dim: int = setting(64, "how many latent numbers a row is made from", low=1, high=4096)
    pack: int = setting(
        8, "rows that the discriminator judges together, against mode collapse (PacGAN)", low=1, high=64
    )
    batch_size: int = setting(512, "examples that a step learns from", low=2, high=65536)
    epochs: int = _epochs(0)
    temperature: float = setting(
        0.5, "of the Gumbel-softmax that draws categories in training; lower is nearer to one-hot", low=0.01, high=10
    )
    r1: float = setting(1.0, "gamma of the gradient penalty at real rows", low=0, high=1e+06)
    learning_rate: float = setting(1e-3, "learning rate at the start; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.05, "the last learning rate, as a share of the first", low=0, high=1)
    average_decay: float = setting(0.998, "decay of the averaged weights that rows come from", low=0, high=0.999999)


@dataclass(frozen=True)
class RowTreeConfig:
    """Every setting of a tree of columns."""

    sizes: ClassVar = {"tiny": {"groups": 8}, "small": {"groups": 32}, "base": {"groups": 64}}
    private_only: ClassVar = {}  # what a private fit can't have otherwise

    groups: int = setting(
        32, "how many groups of a column's values are counted beside those of another column, at the most", low=2,
        high=256,
    )  # fmt: skip
    smoothing: float = setting(
        30.0, "rows that each pair of columns is thought to have beside all others, in which the two are independent",
        low=1e-6, high=1e+06,
    )  # fmt: skip

    @classmethod
    def suited_to_privacy(cls, example: RowSpecification, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit: by the noise fewer groups are made anyway."""
        return {}
