"""Every setting of the models of sets, with its range: apart from the models, so that a wrong one is refused before
TensorFlow is loaded."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tfgen.config import setting

TEMPERATURE = 0.8  # of invented sets


def _epochs(default: int) -> Any:
    what = "how often each set is learned at the most; 0: as often as the minutes allow"
    return setting(default, what, low=0, high=100000)


@dataclass(frozen=True)
class SetVAEConfig:
    """Every setting of a VAE of sets; how the defaults were found is in docs/log.md."""

    sizes: ClassVar = {
        "tiny": {"width": 64, "latent_dim": 32}, "small": {"width": 400, "latent_dim": 200},
        "base": {"width": 600, "latent_dim": 200},
    }  # fmt: skip
    architecture: ClassVar = ("width", "latent_dim")  # of a run to begin with
    needs_order: ClassVar = False

    width: int = setting(400, "hidden numbers of a layer", low=4, high=4096)
    latent_dim: int = setting(200, "how many latent numbers a set is made from", low=1, high=4096)
    batch_size: int = setting(250, "examples that a step learns from", low=2, high=65536)
    epochs: int = _epochs(20)
    beta: float = setting(0.2, "weight of the KL term, at its highest", low=0, high=1e+06)
    annealing: float = setting(0.5, "share of the fit in which beta rises from 0", low=0, high=1)
    dropout: float = setting(0.5, "share of a set's items that is left out while it learns", low=0, high=0.95)
    learning_rate: float = setting(1e-3, "learning rate at the start; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.1, "the last learning rate, as a share of the first", low=0, high=1)


@dataclass(frozen=True)
class SetGPTConfig:
    """Every setting of a GPT of sets whose items have an order."""

    sizes: ClassVar = {
        "tiny": {"width": 32, "layers": 1}, "small": {"width": 64, "layers": 2}, "base": {"width": 128, "layers": 2},
    }  # fmt: skip
    architecture: ClassVar = ("width", "layers", "heads", "context")  # of a run to begin with
    needs_order: ClassVar = True

    width: int = setting(64, "hidden numbers of each item", low=4, high=1024)
    layers: int = setting(2, "blocks of attention", low=1, high=24)
    heads: int = setting(2, "parts that attention looks at by themselves; width is a multiple", low=1, high=64)
    context: int = setting(64, "items that are looked back at", low=2, high=1000)
    ahead: int = setting(10, "how many of the items that come next each place learns to foresee", low=1, high=1000)
    batch_size: int = setting(64, "examples that a step learns from", low=2, high=65536)
    epochs: int = _epochs(12)
    dropout: float = setting(0.3, "share of the hidden numbers that is left out while it learns", low=0, high=0.9)
    learning_rate: float = setting(2e-3, "learning rate after the warm-up; it falls over the fit", low=1e-09, high=10)
    end_rate: float = setting(0.05, "the last learning rate, as a share of the first", low=0, high=1)
    warm_up: int = setting(50, "steps in which the learning rate rises", low=0, high=100000)
