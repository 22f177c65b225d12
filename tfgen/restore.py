"""A run to its model: as it began, or with the weights of its newest whole checkpoint."""

from typing import Any

from tfgen import checkpoints, config
from tfgen.catalog import MODELS, PRETRAINED
from tfgen.errors import UserError
from tfgen.prompt.vocabulary import Vocabulary
from tfgen.run import START, Run
from tfgen.talk import say


def build_model(run: Run):
    """The run's model with the weights that its fit began with: fresh ones, or those of a pre-trained start."""
    import keras

    model_class = (PRETRAINED if "start" in run.record else MODELS).load(run.record["model"])
    settings = config.from_json(model_class.Config, run.record["config"])
    keras.utils.set_random_seed(run.record["seed"])
    model = model_class(settings, *specification_of(run.codec()), seed=run.record["seed"])
    if model.frozen() or (run.path / START).exists():
        _restore_start(run, model)
    return model


def specification_of(codec: dict[str, Any]) -> tuple[Any, Any]:
    """What a model must know of a run's codec: a tfgen.models.base.ExampleSpecification and its Conditions."""
    from tfgen.models.base import Conditions, ExampleSpecification

    facts = {name: tuple(value) if isinstance(value, list) else value for name, value in codec["example"].items()}
    if codec.get("template"):
        facts["closing"] = (codec["tokenizer"]["markers"][codec["template"]["end"]],)
    example = ExampleSpecification(**facts)
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


def _restore_start(run: Run, model) -> None:
    try:
        arrays = checkpoints.read(run.path / START, run.record["start"]["digest"])
    except FileNotFoundError:
        arrays = None
    if arrays is None:
        raise UserError(f"'{START}' of the run '{run.name}' is damaged.", "Restore it from a backup, or fit again.")
    variables = {**model.state(), **model.frozen()}
    checkpoints.restore({name: variables[name] for name in arrays if name in variables}, arrays)
