"""The combinations that the battery tries: everything that the catalog lists, on pictures of awkward shapes too."""

import itertools

from tfgen import catalog
from tfgen.models.base import Conditions, ExampleSpecification

SHAPES = [(28, 28, 1), (16, 16, 3), (12, 20, 1), (9, 17, 1)]
NETWORKS = [name.partition("/")[2] for name in catalog.NETWORKS if name.startswith("image/")]
LOSSES = ["non-saturating", "relativistic", "hinge", "wasserstein"]
PENALTIES = [
    {"r1": 0.0},
    {"r1": 0.5},
    {"r1": 0.1, "r2": 0.1},
    {"r1": 0.0, "gradient_penalty": 10.0},
    {"r1": 0.0, "spectral_norm": True},
]
# Three words; the second prompt has two of them.
CONDITIONS = Conditions(3, ((1, 0), (2, 3)), (30, 70))


TEXT = ExampleSpecification(
    (), "categorical", "text", 10000, plural="texts", vocabulary_size=70, end=69, start=1
)


def models_of(modality):
    """The names of the models that learn this kind of data."""
    return [name for name in catalog.MODELS if modality in catalog.MODELS.load(name).modalities]


def specification_of(model):
    """What a model of the catalog may be told of its data: something that it learns."""
    learned = catalog.MODELS.load(model).modalities[0]
    return {"image": (example_of((8, 8, 1)), CONDITIONS), "text": (TEXT, Conditions())}[learned]


def example_of(shape, count=10000):
    """What a model is told of pictures of this shape."""
    likelihood = "bernoulli" if shape[2] == 1 else "gaussian"
    return ExampleSpecification(shape, likelihood, "image", count)


def gan_cases():
    """Every (network, loss, penalty) once and every (network, shape) several times, as (network, shape, settings)."""
    cases = []
    for network, (place, (loss, penalty)) in itertools.product(
        NETWORKS, enumerate(itertools.product(LOSSES, PENALTIES))
    ):
        if network == "residual" and penalty.get("spectral_norm"):
            continue  # refused with a sentence; tested by itself
        # 4 losses, 5 penalties: the step of 3 walks through all shapes for each of them.
        cases.append((network, SHAPES[(place * 3 + place // 4) % len(SHAPES)], {"loss": loss, **penalty}))
    return cases


def vae_cases():
    """Every network, shape and likelihood."""
    return [
        (network, shape, {"likelihood": likelihood})
        for network, shape, likelihood in itertools.product(NETWORKS, SHAPES, ["bernoulli", "gaussian"])
    ]


def all_cases():
    """(model, network, shape, settings) with a readable name for each."""
    named = [("gan", *case) for case in gan_cases()] + [("vae", *case) for case in vae_cases()]
    return {case_name(*case): case for case in named}


def case_name(model, network, shape, settings):
    values = "-".join(f"{key}={value}" for key, value in settings.items())
    return f"{model}-{network}-{'x'.join(map(str, shape))}-{values}"
