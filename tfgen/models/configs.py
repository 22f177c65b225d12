"""Every setting of the models, with its range: apart from the models, so that a wrong one is refused before TensorFlow
is loaded."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from tfgen.config import setting

_LARGER = 49  # pixels of the longer side


def large_batch(examples: int) -> int:
    """Examples of a private fit's batch: many, since the noise of a step is the same for few and for many."""
    return min(2048, max(16, 2 ** round(math.log2(examples / 24))))


@dataclass(frozen=True)
class GANConfig:
    """Every setting of a GAN; the defaults won on the clock (docs/log.md)."""

    sizes: ClassVar = {"tiny": {"width": 16}, "small": {"width": 32}, "base": {"width": 64}}
    # Of a run to begin with.
    architecture: ClassVar = (
        "network", "width", "lowest", "latent_dim", "prompt_dim", "captions", "spectral_norm", "tile"
    )  # fmt: skip
    # A private step has one loss, whose gradients are known example by example, and neither penalties nor augmentation.
    private_only: ClassVar = {
        "loss": "non-saturating", "r1": 0.0, "r2": 0.0, "gradient_penalty": 0.0, "spectral_norm": False,
        "augment": "none", "precision": "float32",
    }  # fmt: skip

    network: str = setting(
        "auto", "convolutional, residual, style or dense; auto: convolutional for what has a height and a width"
    )
    width: int = setting(32, "channels at half the full resolution; deeper stages have more", low=1, high=1024)
    lowest: int = setting(
        7, "about how many pixels the longer side has at the lowest resolution; of pictures from 49 pixels on, 4",
        low=1, high=64,
    )  # fmt: skip
    latent_dim: int = setting(64, "how many latent numbers a sample is made from", low=1, high=4096)
    prompt_dim: int = setting(32, "size of the prompt's embedding beside the latent", low=1, high=4096)
    captions: str = setting(
        "encoder", "what becomes of captions; encoder: their words and the order of these; bag: the words alone",
        before="bag",
    )
    batch_size: int = setting(64, "examples that a step learns from", low=2, high=65536)
    loss: str = setting("non-saturating", "non-saturating, relativistic, hinge or wasserstein")
    r1: float = setting(1.0, "gamma of the gradient penalty at real examples", low=0, high=1e+06)
    r2: float = setting(0.0, "gamma of the gradient penalty at generated examples", low=0, high=1e+06)
    penalty_every: int = setting(
        4, "steps between R1 and R2, which then count as many times (Karras et al. 2020, appendix B)", low=1, high=1000
    )
    gradient_penalty: float = setting(
        0.0, "lambda of the penalty on lines between real and generated (10 in WGAN-GP)", low=0, high=1e+06
    )
    spectral_norm: bool = setting(False, "bound each discriminator layer's gain (Miyato et al. 2018), in place of R1")
    word_loss: float = setting(
        0.2, "weight of the auxiliary classification loss (Odena et al. 2017); 0 for none", low=0, high=1e+06
    )
    discriminator_steps: int = setting(1, "discriminator steps for each of the generator's", low=1, high=100)
    learning_rate: float = setting(2.5e-3, "learning rate at the start; it falls over the fit", low=1e-09, high=10)
    discriminator_rate: float = setting(1.0, "the discriminator's learning rate, as a multiple", low=1e-06, high=1e+06)
    end_rate: float = setting(0.05, "the last learning rate, as a share of the first", low=0, high=1)
    beta_1: float = setting(0.0, "Adam's momentum", low=0, high=0.9999)
    beta_2: float = setting(0.99, "how long Adam remembers squared gradients", low=0, high=0.99999)
    average_decay: float = setting(0.999, "decay of the averaged weights that samples come from", low=0, high=0.999999)
    augment: str = setting(
        "auto", "color, translation and cutout, joined by commas, or none; auto: what suits the data, for few examples"
    )
    augment_probability: float = setting(
        0.5, "probability of each augmentation at the end of the fit; it grows from 0", low=0, high=1
    )
    tile: bool = setting(
        False, "samples wrap around at their edges, so that copies tile without a seam: for fabrics and other patterns"
    )
    precision: str = setting(
        "float32",
        "float32, or bfloat16 for mixed precision while it trains, which is quicker where the processor supports it",
    )
    freeze: int = setting(
        0, "with --from: how many of the discriminator's first blocks stay as they are (Mo et al. 2020)", low=0, high=16
    )

    @classmethod
    def suited(cls, example: Any, size: str) -> dict[str, Any]:
        """The defaults for larger pictures, where they aren't the class's own (docs/log.md).

        What may tile is a picture: a spectrogram's axes are of two kinds, and of sounds these were not measured.
        """
        if not example.may_tile or max(example.shape[:2]) < _LARGER:
            return {}
        return {"lowest": 4, "learning_rate": 1.5e-3, "r1": 2.0}

    @classmethod
    def suited_to_privacy(cls, example: Any, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit: by noisy gradients a discriminator of few weights learns better, and one that
        doesn't keep ahead of the generator lets it draw one sample of each prompt (docs/log.md)."""
        return {
            "batch_size": min(512, large_batch(count)), "width": cls.sizes[size]["width"] // 2,
            "discriminator_steps": 6, "learning_rate": 2e-3, "word_loss": 0.05,
        }  # fmt: skip


@dataclass(frozen=True)
class VAEConfig:
    """Every setting of a VAE; the defaults won on the clock (docs/log.md)."""

    sizes: ClassVar = {"tiny": {"width": 16}, "small": {"width": 32}, "base": {"width": 64}}
    architecture: ClassVar = ("network", "width", "latent_dim", "prompt_dim", "captions")  # of a run to begin with
    # The other networks normalise over the batch, and mixtures are fitted to the examples' own latents.
    private_only: ClassVar = {"network": "dense", "components": 0}

    network: str = setting(
        "auto", "convolutional, residual, style or dense; auto: convolutional for what has a height and a width"
    )
    width: int = setting(32, "channels at half the full resolution; deeper stages have more", low=1, high=1024)
    latent_dim: int = setting(32, "how many latent numbers a sample is made from", low=1, high=4096)
    prompt_dim: int = setting(32, "size of the prompt's embedding beside the latent", low=1, high=4096)
    captions: str = setting(
        "encoder", "what becomes of captions; encoder: their words and the order of these; bag: the words alone",
        before="bag",
    )
    batch_size: int = setting(128, "examples that a step learns from", low=2, high=65536)
    beta: float = setting(
        1.0, "weight of the KL term: more for smoother latents, less for sharper samples", low=0, high=1e+06
    )
    likelihood: str = setting("auto", "gaussian (with a learned variance) or bernoulli; auto: what suits the data")
    learning_rate: float = setting(2e-3, "learning rate at the start; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.02, "the last learning rate, as a share of the first", low=0, high=1)
    average_decay: float = setting(0.999, "decay of the averaged weights that samples come from", low=0, high=0.999999)
    components: int = setting(
        160, "Gaussians in each mixture that sampling starts from; 0: the standard normal", low=0, high=1000
    )
    freeze: int = setting(
        0, "with --from: how many of the encoder's first blocks stay as they are", low=0, high=16
    )

    @classmethod
    def suited_to_privacy(cls, example: Any, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit."""
        return {"batch_size": large_batch(count)}


@dataclass(frozen=True)
class GPTConfig:
    """Every setting of a GPT; the defaults of the optimizer won on the clock (docs/log.md)."""

    sizes: ClassVar = {
        "tiny": {"width": 64, "layers": 2, "heads": 2},
        "small": {"width": 128, "layers": 4, "heads": 4},
        "base": {"width": 384, "layers": 6, "heads": 6},
    }
    architecture: ClassVar = ("width", "layers", "heads")  # of a run to begin with
    private_only: ClassVar = {}  # what a private fit can't have otherwise

    width: int = setting(128, "numbers that stand for a token inside", low=1, high=1024)
    layers: int = setting(4, "blocks of attention and a dense part", low=1, high=100)
    heads: int = setting(4, "heads of attention; they share the width", low=1, high=128)
    context: int = setting(128, "how many tokens it sees at once", low=8, high=16384)
    batch_size: int = setting(16, "examples that a step learns from", low=2, high=65536)
    dropout: float = setting(
        0.0, "share of each block's output that is left out while it learns; .1 to .2 for little text", low=0, high=0.9
    )
    optimizer: str = setting("muon", "muon, or adam for all")
    learning_rate: float = setting(0.01, "learning rate of the matrices", low=1e-09, high=10)
    other_rate: float = setting(
        1.5, "muon: the rate of embedding and output layer, which go by Adam, as a multiple", low=1e-06, high=1e+06
    )
    momentum: float = setting(0.9, "muon: how much of earlier steps' directions a step keeps", low=0, high=0.999)
    weight_decay: float = setting(0.01, "decay of the matrices, per step and unit of the learning rate", low=0, high=10)
    warm_up: float = setting(0.02, "share of the steps in which the rate rises", low=0, high=0.9)
    cool_down: float = setting(0.5, "share of the steps at the end in which it falls to nearly nothing", low=0, high=1)
    freeze: int = setting(0, "with --from: how many of the first blocks stay as they are", low=0, high=100)

    @classmethod
    def suited_to_privacy(cls, example: Any, size: str, count: int) -> dict[str, Any]:
        """The defaults of a private fit: few numbers, each of which gets noise. Muon would make all directions of a
        noisy gradient as long as what is learned."""
        return {
            "width": cls.sizes[size]["width"] // 2, "layers": 2, "heads": 2, "context": 64, "optimizer": "adam",
            "learning_rate": 0.01, "weight_decay": 0.0, "batch_size": min(512, large_batch(count)),
        }  # fmt: skip
