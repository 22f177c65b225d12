"""The combinations that the battery tries: everything that the catalog lists, on arrays of awkward shapes too."""

import itertools

import pytest

from tfgen import catalog
from tfgen.representations import ARRAYS, ROWS, SEQUENCES
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.specification import ArraySpecification, Part
from tfgen.representations.rows.specification import Field, RowSpecification
from tfgen.representations.sequences.specification import SequenceSpecification

SHAPES = [(28, 28, 1), (16, 16, 3), (12, 20, 1), (9, 17, 1)]
NETWORKS = list(catalog.NETWORKS)
SLOW = pytest.mark.slow
LOSSES = ["non-saturating", "relativistic", "hinge", "wasserstein"]
LIKELIHOODS = ["bernoulli", "gaussian"]
PENALTIES = [
    {"r1": 0.0},
    {"r1": 0.5},
    {"r1": 0.1, "r2": 0.1},
    {"r1": 0.0, "gradient_penalty": 10.0},
    {"r1": 0.0, "spectral_norm": True},
]
# Three words; the second prompt has two of them.
CONDITIONS = Conditions(3, ((1, 0), (2, 3)), (30, 70))


TEXT = SequenceSpecification(vocabulary_size=70, end=69, start=1, count=10000, plural="texts")
TABLE = RowSpecification((Field((600, 400)), Field((500, 500), scores=(-0.7, 0.7))), count=1000)


def models_of(representation):
    """The names of the models that learn it."""
    return [name for name in catalog.MODELS if representation in catalog.representations_of(name)]


def learners_of(representation):
    """(modality, model) for everything in the catalog that can be learned in this representation."""
    return [
        (modality, model)
        for modality in catalog.MODALITIES
        if representation in catalog.MODALITIES.load(modality).representations
        for model in models_of(representation)
    ]


def battery_of(*representations):
    """`learners_of` as parameters of tests: quick are each model once, on another modality than the one before it; the
    second on the last."""
    battery = []
    for learners in map(learners_of, representations):
        modalities, models = (list(dict.fromkeys(names)) for names in zip(*learners, strict=True))
        quick = {(modalities[-place % len(modalities)], model) for place, model in enumerate(models)}
        battery += [pytest.param(each, id="-".join(each), marks=[] if each in quick else SLOW) for each in learners]
    return battery


def covering(*representations):
    """Of each representation as few learners as have every modality and every model in them."""
    found = []
    for learners in map(learners_of, representations):
        modalities, models = (list(dict.fromkeys(names)) for names in zip(*learners, strict=True))
        count = max(len(modalities), len(models))
        found += [(modalities[place % len(modalities)], models[place % len(models)]) for place in range(count)]
    return found


def specification_of(model):
    """What a model of the catalog may be told of its data: something that it learns."""
    learned = catalog.MODELS.load(model).representations[0]
    return {ARRAYS: (example_of((8, 8, 1)), CONDITIONS), SEQUENCES: (TEXT, None), ROWS: (TABLE, None)}[learned]


def example_of(shape, count=10000):
    """What a model is told of pictures of this shape."""
    likelihood = "bernoulli" if shape[2] == 1 else "gaussian"
    return ArraySpecification(shape, (Part(shape[2], likelihood),), count, plural="images", may_tile=True)


def gan_cases():
    """Every (loss, penalty) on the network that is quickest, since neither knows a network; on the others every loss,
    every penalty and every shape. As (network, shape, settings)."""
    cases = []
    for number, network in enumerate(NETWORKS):
        for (one, loss), (two, penalty) in itertools.product(enumerate(LOSSES), enumerate(PENALTIES)):
            if network == "residual" and penalty.get("spectral_norm"):
                continue  # refused with a sentence; tested by itself
            if network == "dense" or one == (two + number) % len(LOSSES):
                cases.append((network, SHAPES[(one + 2 * two) % len(SHAPES)], {"loss": loss, **penalty}))
    return cases


def vae_cases():
    """Every two of a network, a shape and a likelihood."""
    return [
        (network, shape, {"likelihood": LIKELIHOODS[(row + column + column // 2) % 2]})
        for (row, network), (column, shape) in itertools.product(enumerate(NETWORKS), enumerate(SHAPES))
    ]


def all_cases():
    """(model, network, shape, settings) with a readable name for each."""
    named = [("gan", *case) for case in gan_cases()] + [("vae", *case) for case in vae_cases()]
    return {case_name(*case): case for case in named}


def case_name(model, network, shape, settings):
    values = "-".join(f"{key}={value}" for key, value in settings.items())
    return f"{model}-{network}-{'x'.join(map(str, shape))}-{values}"
