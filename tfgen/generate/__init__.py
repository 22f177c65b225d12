"""A run, a prompt and seeds to samples: one engine for each representation, and here what they share."""

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfgen import versions
from tfgen.catalog import ENGINES, MODALITIES
from tfgen.errors import UserError, unknown
from tfgen.feedback.events import run_digest
from tfgen.representations import NAMES
from tfgen.representations.base import Codec
from tfgen.restore import open_codec, open_modality
from tfgen.run import BASE, Run


@dataclass(frozen=True)
class Request:
    """What a person asks for, beside the run."""

    prompt: str = ""
    count: int | None = None  # None: as many as suit the modality
    seed: int = 0
    output: Path | None = None  # None: where a person will see it
    options: Mapping[str, Any] = field(default_factory=dict)  # those that were given, which may suit another engine
    prompt_version: str = ""  # the saved prompt that the prompt came from, "name@3"
    template: str = ""  # what it was before it was filled
    signed: bool = True  # whether the files get a mark (tfgen.trust.provenance)


@dataclass(frozen=True)
class Origin:
    """What made a sample, as its file says."""

    name: str  # the run's, or the served model's
    model: str  # which model of the catalog, or the server's address
    modality: str
    version: str = ""  # of the run's model; empty for what its fit ended with
    digest: str = ""  # of the weights; empty where the seed and the settings don't say what made the sample
    settings: Mapping[str, Any] = field(default_factory=dict)  # that a sample depends on, beside its prompt and seed
    prompt_version: str = ""  # the saved prompt that the prompt came from, "name@3"
    template: str = ""  # what that was before it was filled
    signed: bool = True  # whether its files get a mark
    completed: bool = False  # whether it is a person's own in part
    kind: Any = field(default=None, compare=False, repr=False)  # the modality as it is for a run at hand

    def __getstate__(self) -> dict[str, Any]:
        """Without the kind, which may be a class made for one run, that can't be pickled."""
        return {**self.__dict__, "kind": None}

    @property
    def written_by(self) -> Any:
        """The modality that writes and shows samples."""
        return self.kind or MODALITIES.load(self.modality)

    @classmethod
    def of(cls, run: Run, settings: Mapping[str, Any] | None = None, prompt_version: str = "") -> "Origin":
        version = "" if run.version == BASE else versions.identity(run)
        names = run.name, run.record["model"], run.record["modality"]
        return cls(*names, version, run_digest(run), settings or {}, prompt_version, kind=open_modality(run))

    def asked_by(self, request: Request) -> "Origin":
        """The same with the saved prompt that a request is from, and whether it wants a mark."""
        return replace(
            self, prompt_version=request.prompt_version, template=request.template, signed=request.signed
        )


@dataclass(frozen=True)
class Control:
    """A number of a request that a person may set, with its range, and what it does."""

    name: str
    title: str
    least: float
    most: float
    usual: float
    step: float  # 1 for whole numbers
    help: str


class Generator(abc.ABC):
    """Samples of one run for one request: one class for each representation, in catalog.ENGINES.

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    options: ClassVar[tuple[str, ...]] = ()  # those of a request that it takes
    controls: ClassVar[tuple[Control, ...]] = ()  # those of its options that are numbers
    shard_options: ClassVar[tuple[str, ...]] = ()  # those under which a sample still depends on its own seed alone
    shard_formats: ClassVar[tuple[str, ...]]  # of shard_files.FORMATS, the first where nobody says
    shard_size: ClassVar[int]  # samples of a shard, where nobody says: some seconds' work, and little memory

    def __init__(self, run: Run, request: Request, codec: Codec):
        self.modality = MODALITIES.load(run.record["modality"]).of_codec(codec)
        for name in request.options:
            if name not in self.options:
                every = [each for engine in NAMES for each in ENGINES.load(f"generate/{engine}").options]
                if name not in every:
                    raise unknown("option", name, every)
                what = f"'{flag(name)}' is for {_takers(name)}, and '{run.name}' makes {self.modality.plural}."
                raise UserError(what, "Leave it out.")
        if request.output is not None and _is_source(request.output, run):
            what = f"'{request.output}' is the data that '{run.name}' learned, and would be replaced."
            raise UserError(what, "Give another path with -o.")
        self.run = run
        self.request = request
        self.codec = codec
        self.seeds = seeds_from(request.seed, self.default_count() if request.count is None else request.count)

    @abc.abstractmethod
    def default_count(self) -> int:
        """How many samples, where nobody says."""

    def check_shards(self) -> None:
        """Raises UserError where a sample would depend on more than its own seed, so that shards made apart would not
        hold what one command makes."""
        for name in self.request.options:
            if name not in self.shard_options:
                what = f"'{flag(name)}' doesn't go with shards, whose samples depend on nothing but their own seeds."
                raise UserError(what, "Leave it out.")

    @abc.abstractmethod
    def samples(self) -> Any:
        """The samples as Python has them; shards are written of their `examples()`, or by their `save`."""

    def pieces(self) -> Iterator[tuple[int, str]]:
        """What the samples are made of while they are made: (place, text that is new); nothing for what comes at once.

        Afterwards `samples()` is at hand.
        """
        return iter(())

    @abc.abstractmethod
    def deliver(self) -> None:
        """Makes the samples, writes them and says where; a prompt that the model can't follow was refused before."""


def _is_source(path: Path, run: Run) -> bool:
    """Whether a file is what a run was fitted to."""
    source = run.record.get("data", {}).get("path")
    return source is not None and path.is_file() and Path(source).is_file() and path.samefile(source)


def open_generator(run: Run, request: Request) -> Generator:
    """The generator for a run's representation. Raises UserError for all that can be wrong with the request."""
    codec = open_codec(run)
    return ENGINES.load(f"generate/{codec.representation}")(run, request, codec)


def seeds_from(first: int, count: int) -> np.ndarray:
    """int32 [count]. Raises UserError where a seed would not fit."""
    check_seeds(first, count)
    if count > 10**8:
        what = f"{count} samples are too many at once."
        raise UserError(what, "Make them in shards with --beam, or fewer, from several first seeds.")
    return np.arange(first, first + count, dtype=np.int64).astype(np.int32)


def check_seeds(first: int, count: int) -> None:
    """Raises UserError where there are no such seeds."""
    if count < 1:
        raise UserError(f"{count} samples can't be made.", "Ask for at least 1 with -n.")
    if count > 2**32:
        raise UserError(f"There are only {2**32} seeds.", "Ask for fewer with -n.")
    if not -(2**31) <= first <= 2**31 - count:
        last = 2**31 - count
        raise UserError(f"The seed {first} is out of range.", f"Choose one from -2147483648 to {last}.")


def flag(name: str) -> str:
    """An option's name as it is typed: 'top_k' as '--top-k'."""
    return "--" + name.replace("_", "-")


def _takers(name: str) -> str:
    """What is made with an option."""
    able = [each for each in NAMES if name in ENGINES.load(f"generate/{each}").options]
    modalities = MODALITIES.all()
    *others, last = (each.plural for each in modalities if set(each.representations) & set(able))
    return f"{', '.join(others)} and {last}" if others else last
