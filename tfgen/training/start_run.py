"""A run of one's own to begin a fit with: its network, the words or tokens that it knows, and its weights."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checkpoints, config
from tfgen.catalog import MODALITIES
from tfgen.data.sources import TFDS, modality_of
from tfgen.errors import UserError
from tfgen.restore import class_of, load_model_and_checkpoint, open_codec, symbols_of
from tfgen.run import START, Run
from tfgen.training.initial_weights import InitialWeights
from tfgen.training.request import FitRequest

_OF_THE_FIT = ("step", "horizon")  # in a model's state, beside its optimizers: not what it has learned
_OF_PROMPTS = ("words", "projection", "recognise")  # layers that a network without prompts lacks
_OF_CAPTIONS = ("captions", "captions_average")  # parts that a model without captions lacks
_COPIED = "start-"  # in front of the name of a file that was the earlier run's


@dataclass(frozen=True)
class RunWeights(InitialWeights):
    """See InitialWeights."""

    has_network = True
    run: Run | None = None

    def settings(self, overrides: Mapping[str, Any], size: str, examples: Any = None) -> Any:
        """The run's own, but for what is set anew, such as another learning rate."""
        anew = {"freeze": 0} if "freeze" in self.run.record["config"] else {}
        stored = config.from_json(self.model_class.Config, {**self.run.record["config"], **anew, **overrides})
        return config.make_fixed_config(self.model_class.Config, dataclasses.asdict(stored))

    def widen(self, examples: Any) -> Any:
        return examples.beside(symbols_of(self.run))

    def kept(self) -> dict[str, Any]:
        return {key: value for key, value in self.data.items() if not self._is_own(value)}

    def record(self, size: str) -> dict[str, Any]:
        own = {key: _COPIED + Path(value).name for key, value in self.data.items() if self._is_own(value)}
        record = self.run.record
        lineage = {"from": self.run.name, "steps": record.get("reached", 0), "before": record.get("lineage")}
        start = {**record.get("start", {}), "run": self.run.reference, "files": own}
        return {"size": record.get("size"), "start": start, "lineage": lineage}

    def files(self, model: Any, examples: Any, record: dict[str, Any]) -> dict[str, Any]:
        earlier, record["start"]["checkpoint"] = load_model_and_checkpoint(self.run)
        places = _places(symbols_of(self.run), examples.symbols())
        content, record["start"]["digest"] = checkpoints.pack(_learned(earlier, model, places))
        names = record["start"]["files"].values()
        return {START: content, **{name: (self.run.path / name.removeprefix(_COPIED)).read_bytes() for name in names}}

    def _is_own(self, value: Any) -> bool:
        """Whether a setting is the path of a file of the run's."""
        return isinstance(value, str) and Path(value).parent == self.run.path


def open_run(run: Run, request: FitRequest) -> RunWeights:
    """A run to begin with.

    Raises:
        UserError: it is of another model or another kind of data than what was asked for.
    """
    if run.record["model"] != request.model:
        raise UserError(
            f"'{run.name}' is a {run.record['model']}, not a {request.model}.",
            f"Fit a {run.record['model']}, or name another run with --from.",
        )
    if request.lora is not None:
        raise UserError("--lora is for a preset, and a run goes on as it is.", "Leave --lora out; see --freeze.")
    codec, modality = open_codec(run), MODALITIES.load(run.record["modality"])
    if request.data is not None and not str(request.data).startswith(TFDS):
        found = modality_of(request.data, codec.representation)
        if found.name != modality.name:
            shown = f"'{request.data}'" if isinstance(request.data, str) else "the data"
            raise UserError(
                f"'{run.name}' learned {modality.plural}, and {shown} is {found.plural}.", "Give data of its kind."
            )
    return RunWeights(class_of(run, codec.representation), {}, modality.codec_settings(codec, run.path), run=run)


def _places(old: Sequence[Any], new: Sequence[Any]) -> np.ndarray:
    """Where each of the new symbols stood among the old ones; -1 for those that are new. The old ones are all there."""
    where = {symbol: place for place, symbol in enumerate(old)}
    return np.array([where.get(symbol, -1) for symbol in new], np.int64)


def _learned(earlier: Any, model: Any, places: np.ndarray) -> dict[str, np.ndarray]:
    """What the earlier model has learned, by the names of the model that goes on from it."""
    arrays = {}
    for name, old, new in _pairs(earlier, model):
        arrays[name] = _fitted(old.numpy(), new.numpy(), places)
    return arrays


def _pairs(earlier: Any, model: Any) -> Iterator[tuple[str, Any, Any]]:
    """The weights of both models that are the same: the name in the later one, and the two."""
    old, new = _weights(earlier), _weights(model)
    both = {name.split("/")[0] for name in old} & {name.split("/")[0] for name in new}
    old, new = (
        {name: each for name, each in weights.items() if name.split("/")[0] in both or not _of_captions(name)}
        for weights in (old, new)
    )
    if len(old) != len(new):  # the earlier one knew no prompts
        new = {name: each for name, each in new.items() if not set(each.path.split("/")) & set(_OF_PROMPTS)}
    yield from ((name, before, after) for before, (name, after) in zip(old.values(), new.items(), strict=True))


def _of_captions(name: str) -> bool:
    return name.split("/")[0] in _OF_CAPTIONS


def _weights(model: Any) -> dict[str, Any]:
    """All that a model has learned step by step, by name."""
    others = (*model.optimizers(), *model.fitted_last)
    named = {**model.state(), **model.frozen()}
    return {
        name: each for name, each in named.items() if name not in _OF_THE_FIT and name.split("/")[0] not in others
    }


def _fitted(old: np.ndarray, fresh: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A weight in the shape that more words or tokens ask for: new ones begin as the mean of those that were there.

    The axis that grows ends with the words or tokens. What stood for none before begins as `fresh` does.
    """
    if old.shape == fresh.shape:
        return old
    (axis,) = (place for place, sides in enumerate(zip(old.shape, fresh.shape, strict=True)) if sides[0] != sides[1])
    is_known = places >= 0
    before, beginning = np.moveaxis(old, axis, 0), np.moveaxis(fresh, axis, 0).copy()
    if not is_known.any():  # the earlier one knew no words, and what stands for them is behind all else
        beginning[: len(before)] = before
    else:
        others, first = len(before) - is_known.sum(), len(beginning) - len(is_known)
        same = min(others, first)  # one may have an encoder of captions, whose numbers stand in front of the words
        beginning[:same] = before[:same]
        kept = before[others:]
        beginning[first:] = np.where(is_known.reshape(-1, *[1] * (old.ndim - 1)), kept[places], kept.mean(axis=0))
    return np.moveaxis(beginning, 0, axis)
