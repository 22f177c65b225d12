"""A run to its model: as it began, or with the weights of its newest whole checkpoint."""

from typing import Any

from tfgen import checkpoints, config
from tfgen.catalog import MODELS
from tfgen.prompt.vocabulary import Vocabulary
from tfgen.run import Run
from tfgen.talk import say


def build_model(run: Run):
    """The run's model with fresh weights."""
    import keras

    model_class = MODELS.load(run.record["model"])
    settings = config.from_json(model_class.Config, run.record["config"])
    keras.utils.set_random_seed(run.record["seed"])
    return model_class(settings, *specification_of(run.codec()), seed=run.record["seed"])


def specification_of(codec: dict[str, Any]) -> tuple[Any, Any]:
    """What a model must know of a run's codec: a tfgen.models.base.ExampleSpecification and its Conditions."""
    from tfgen.models.base import Conditions, ExampleSpecification

    example = ExampleSpecification(**{**codec["example"], "shape": tuple(codec["example"]["shape"])})
    vocabulary = Vocabulary.from_json(codec["vocabulary"]) if "vocabulary" in codec else None
    if vocabulary is None or not vocabulary.prompts:
        return example, Conditions()
    words = tuple(tuple(int(word) for word in row) for row in vocabulary.table())
    return example, Conditions(len(vocabulary.words), words, vocabulary.counts)


def load_model(run: Run):
    """The run's model with the weights of its newest whole checkpoint; says so when a newer one is damaged."""
    return load_model_and_checkpoint(run)[0]


def load_model_and_checkpoint(run: Run) -> tuple[Any, str]:
    """As `load_model`, with the name of the checkpoint that the weights are from."""
    model = build_model(run)
    stored = checkpoints.load_newest(run.checkpoints)
    for name in stored.damaged:
        say(f"The checkpoint {name} is damaged; the one from step {stored.step} is used.")
    checkpoints.restore(model.state(), stored.arrays)
    return model, stored.name
