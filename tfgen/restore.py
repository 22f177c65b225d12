"""A run to its model: as it began, or with the weights of its newest whole checkpoint."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from tfgen import checkpoints, config, versions
from tfgen.catalog import MODALITIES, PRETRAINED, model_class
from tfgen.console import warn
from tfgen.errors import UserError
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.representations.base import Codec
from tfgen.run import BASE, START, Run


def build_model(run: Run):
    """The run's model with the weights that its fit began with: fresh ones, or those of a pre-trained start."""
    import keras

    _here.newest.clear()  # before another one takes memory
    codec = open_codec(run)
    made_by = class_of(run, codec.representation)
    settings = config.from_json(made_by.Config, run.record["config"])
    keras.utils.set_random_seed(run.record["seed"])
    model = made_by(settings, codec.specification, _conditions(run), seed=run.record["seed"])
    if model.frozen() or (run.path / START).exists():
        _restore_start(run, model)
    return model


def class_of(run: Run, representation: str) -> type:
    """The class of a run's model."""
    name = run.record["model"]
    return PRETRAINED.load(name) if "preset" in run.record.get("start", {}) else model_class(name, representation)


def open_codec(run: Run) -> Codec:
    """What turns the outside into what the run's model takes, and back. Needs no TensorFlow.

    Raises:
        UserError: one of the files that it is in is missing or damaged.
    """
    state, modality = run.codec(), MODALITIES.load(run.record["modality"])
    looked_at = "codec.json"

    def read(name: str) -> bytes:
        nonlocal looked_at
        looked_at = name
        return (run.path / name).read_bytes()

    try:
        return modality.restore_codec(state, read)
    except UserError:
        raise
    except Exception as error:  # libraries raise plain Exception for every mistake in a file
        raise UserError(f"'{looked_at}' of the run '{run.name}' is damaged.", "Restore it, or fit again.") from error


def open_modality(run: Run) -> Any:
    """The modality of a run, as it is for what the run makes. Raises UserError as `open_codec` does."""
    return MODALITIES.load(run.record["modality"]).of_codec(open_codec(run))


def symbols_of(run: Run) -> tuple[Any, ...]:
    """What the ids stand for that the run's model knows: words of prompts, or tokens."""
    state = run.codec()
    return run.vocabulary().words if "vocabulary" in state else open_codec(run).symbols()


def _conditions(run: Run):
    """What the model is told of prompts."""
    state = run.codec()
    if "vocabulary" not in state:
        return None
    from tfgen.representations.arrays.conditions import Conditions

    return Conditions.of(Vocabulary.from_json(state["vocabulary"]))


def load_model(run: Run):
    """The run's model with the weights of its newest whole checkpoint; says so when a newer one is damaged."""
    kept = _here.kept
    return load_model_and_checkpoint(run)[0] if kept is None else kept.model(run)


_MOST_PARTS = 24  # that are kept of a model


class KeptModels:
    """The models that were used last, each with what was made of it last, such as traced functions."""

    def __init__(self, most: int):
        self._most = most
        self._entries: OrderedDict[Hashable, tuple[Any, OrderedDict[Hashable, Any]]] = OrderedDict()

    def model(self, run: Run) -> Any:
        """The run's model: one that is here already, unless its weights have changed since."""
        key = run.path.resolve(), checkpoints.newest_name(run.checkpoints), versions.identity(run)
        if key not in self._entries:
            while len(self._entries) >= self._most:  # before another one takes memory
                self._entries.popitem(last=False)
            self._entries[key] = load_model_and_checkpoint(run)[0], OrderedDict()
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def clear(self) -> None:
        """Keeps none of them any longer."""
        self._entries.clear()

    def made_of(self, model: Any, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gave for this model under this key before; made now where that is new."""
        for kept, parts in self._entries.values():
            if kept is model:
                if key not in parts:
                    parts[key] = make()
                    while len(parts) > _MOST_PARTS:
                        parts.popitem(last=False)
                parts.move_to_end(key)
                return parts[key]
        return make()


class _Here(threading.local):
    """What this thread keeps: others don't see it, since a model is used by one at a time."""

    kept: KeptModels | None = None

    def __init__(self):
        self.newest = KeptModels(1)


_here = _Here()


@contextlib.contextmanager
def keeping_models(most: int = 4) -> Iterator[None]:
    """While the block runs, models that this thread loads stay loaded, and it gets the same object when it loads one
    again: for what answers many requests and changes none of them."""
    before, _here.kept = _here.kept, KeptModels(most)
    try:
        yield
    finally:
        _here.kept = before


@contextlib.contextmanager
def keeping_newest() -> Iterator[None]:
    """As `keeping_models`, for the model that this thread's last such block loaded, which stays until something else
    loads one: a notebook calls again and again, and a model takes seconds to load and to trace."""
    if _here.kept is not None:
        yield
        return
    _here.kept = _here.newest
    try:
        yield
    finally:
        _here.kept = None


def made_of(model: Any, key: Hashable, make: Callable[[], Any]) -> Any:
    """What `make` gives, which is made once for a model that is kept; `key` names it, with all that it depends on."""
    kept = _here.kept
    return make() if kept is None else kept.made_of(model, key, make)


def load_model_and_checkpoint(run: Run) -> tuple[Any, str]:
    """As `load_model`, with the name of the checkpoint that the weights are from."""
    model = build_model(run)
    stored = checkpoints.load_newest(run.checkpoints)
    for name in stored.damaged:
        warn(f"The checkpoint {name} is damaged; the one from step {stored.step} is used.")
    checkpoints.restore(model.state(), stored.arrays)
    if run.version != BASE:
        version = versions.find(run, run.version)
        versions.check_weights(run, version, stored.name)
        model.adopt(version.arrays())
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
