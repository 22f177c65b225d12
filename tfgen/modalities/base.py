"""What a kind of data says of itself. Whatever a stage needs to know of it is asked here."""

import abc
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tfgen import files
from tfgen.console import command_line
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting
from tfgen.errors import UserError
from tfgen.representations import ARRAYS
from tfgen.representations.base import Codec, Examples
from tfgen.representations.rows.columns import Rows
from tfgen.trust.provenance import write_marked

ENOUGH_ARRAYS = 64  # as many as a GAN's batch has unless told otherwise
ENOUGH_TOKENS, GOOD_TOKENS = 2000, 100_000


class Concern(NamedTuple):
    """A question on samples that must be answered with no."""

    name: str
    question: str
    raised: bool | None  # None where it can't be tested, and the sentence says why
    sentence: str
    advice: str = ""


class Modality(abc.ABC):
    """A kind of data. It is never instantiated and has no state: all methods are class methods.

    The methods up to `restore_codec` must be defined; the others have a default that serves. A modality that has arrays
    gives an ArrayExamples with an ArrayCodec from `open`, one that has sequences a SequenceExamples with a
    SequenceCodec; one that has both gives what the request's `representation` says.
    """

    name: ClassVar[str]  # as in the catalog
    singular: ClassVar[str]  # "picture"
    plural: ClassVar[str]  # "pictures"
    samples: ClassVar[tuple[str, str]] = ("", "")  # one and several of what is made; usually `singular` and `plural`
    representations: ClassVar[tuple[str, ...]]  # those that it has a codec for; the first where nobody asks for one
    can_be_upscaled: ClassVar[bool] = False  # whether the three methods that enlarging needs are defined
    can_be_private: ClassVar[bool] = True  # whether an example stands by itself, so that a private fit can hide it
    asked_by: ClassVar[str] = "PROMPT"  # how a person says what is wanted, as in "tfgen generate RUN PROMPT"
    settings: ClassVar[Mapping[str, DataSetting]] = {}  # of the data, for --set and keyword arguments
    file_kinds: ClassVar[tuple[str, ...]] = ()  # of single files that are read, as in "a .npy file"

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if not any(cls.samples) and hasattr(cls, "singular"):
            cls.samples = (cls.singular, cls.plural)

    # Reading.

    @classmethod
    @abc.abstractmethod
    def recognises(cls, source: Any) -> int:
        """How surely a source is of this kind: 0 for not at all, 1 for perhaps, 2 for surely.

        The surest modality reads it, among those that have the representation that a model learns. A source is an
        existing path, as a Path, or data in memory. Looks at names and first bytes only.
        """

    @classmethod
    def files_in(cls, folder: Path) -> Iterable[str]:
        """The files below a folder that are of this kind, relative to it, so that a note can name what isn't read."""
        return ()

    @classmethod
    def files_beside(cls, folder: Path) -> Iterable[str]:
        """Those of another kind that belong to the examples below a folder, such as captions; relative to it."""
        return ()

    @classmethod
    def nearly_in(cls, folder: Path) -> Iterable[str]:
        """What to say of a folder that is read as another kind, where it would be of this one but for a fault."""
        return ()

    @classmethod
    @abc.abstractmethod
    def open(cls, request: DataRequest) -> Examples:
        """The examples of a source. Raises UserError where there are none, or too many can't be read."""

    @classmethod
    @abc.abstractmethod
    def describe(cls, examples: Examples) -> list[str]:
        """What was read, in sentences; the first begins with how many."""

    @classmethod
    def correctable(cls, examples: Examples) -> str | None:
        """What was found, as a file that a person corrects and gives back; None where this kind has none."""
        return None

    @classmethod
    @abc.abstractmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> Codec:
        """The codec of a run: from its `to_json` and, by name, its files. Raises any error where they are damaged."""

    @classmethod
    def of_codec(cls, codec: Codec) -> "type[Modality]":
        """The same for what one run makes, where that says how files and previews are: a class that knows the codec."""
        return cls

    @classmethod
    def summary(cls, examples: Examples) -> str:
        """What is learned, as a fit begins with it: "10000 grey pictures of 28x28"."""
        return f"{len(examples)} {cls.plural}"

    @classmethod
    def facts(cls, examples: Examples) -> dict[str, Any]:
        """What was read, as plain JSON."""
        return {"count": len(examples), "representation": examples.representation}

    @classmethod
    def next_step(cls, examples: Examples, data: Sequence[str], settings: Sequence[str]) -> str:
        """What to do with so many, for after "Next:": a fit that takes them, or more of them."""
        count = len(examples)
        if examples.representation != ARRAYS:
            advice = "add more: some hundred thousand tokens are a good start"
            if count < ENOUGH_TOKENS:
                return f"{advice}."
            command = fit_command("gpt", data, settings)
            return command if count >= GOOD_TOKENS else f"{advice}, or: {command}"
        if count >= ENOUGH_ARRAYS:
            return fit_command("gan", data, settings)
        advice = "add more, since some hundreds learn well"
        if count < 2:
            return f"{advice}."
        return f"{advice}, or: {fit_command('gan', data, [*settings, f'batch_size={max(2, count // 2)}'])}"

    @classmethod
    def command(cls, source: str) -> str:
        """A fit that reads a source as this kind, whatever else lies there."""
        return fit_command(cls.usual_model(), [source], [])

    @classmethod
    def usual_model(cls) -> str:
        """The model to begin with."""
        return "gan" if ARRAYS in cls.representations else "gpt"

    @classmethod
    def codec_settings(cls, codec: Codec, run_folder: Path) -> dict[str, Any]:
        """The settings under which other data has this codec, which is that of a run."""
        return {}

    @classmethod
    def held_out_settings(cls, examples: Examples, settings: Mapping[str, Any], run_folder: Path) -> dict[str, Any]:
        """The settings under which other data becomes examples that can be compared with these, which a run learned
        with its own settings."""
        return cls.codec_settings(examples.codec, run_folder)

    @classmethod
    def keep_in_memory(cls, examples: Examples, source: Any) -> tuple[str, bytes]:
        """Data that was passed in memory as a file for the run, so that it can be judged and resumed: its name and
        content. `open` gives the same examples from it under the same settings."""
        raise NotImplementedError

    @classmethod
    def as_path(cls, data: Any) -> contextlib.AbstractContextManager[Any]:
        """Data in memory as the path of a file that is there until the block ends; a path, or None, as it is.

        Raises:
            UserError: data of this kind is read from files alone.
        """
        if data is None or isinstance(data, (str, Path)):
            return contextlib.nullcontext(data)
        what = f"Here {cls.plural} are read from files alone, and what was given is of type {type(data).__name__}."
        raise UserError(what, "Save them, and give the path.")

    # TensorFlow Datasets.

    @classmethod
    def choose_tfds_features(cls, features: Mapping[str, Any], preferred: Sequence[str]) -> dict[str, str] | None:
        """Which features of a set are used, by the names that `open_tfds` knows them by; None where it has none of
        this kind."""
        return None

    @classmethod
    def open_tfds(cls, request: DataRequest, part: Any) -> Examples:
        """The examples of a tfgen.data.tfds.Part."""
        raise NotImplementedError

    # Arrays outside. Values are as they are stored.

    ending: ClassVar[str] = ".json"  # of a file that holds one example
    sheet_ending: ClassVar[str] = ".txt"  # of a file that shows many
    array_name: ClassVar[str] = "examples"  # of the values in an .npz
    default_count: ClassVar[int] = 16  # samples, where nobody says how many

    @classmethod
    def as_file(cls, value: np.ndarray, metadata: Mapping[str, str]) -> bytes:
        """What a file with `ending` holds of one example, with what is said of it where there is room for that."""
        return files.as_json({"values": value.tolist(), **metadata})

    @classmethod
    def save(cls, path: Path, value: np.ndarray, metadata: Mapping[str, str]) -> None:
        """Writes one example with what is said of it, signed (tfgen.trust.provenance) and atomically."""
        write_marked(path, cls.as_file(value, metadata), metadata)

    @classmethod
    def read_metadata(cls, path: Path) -> dict[str, str]:
        """What `save` wrote beside the values."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in content.items() if key != "values"}

    @classmethod
    def save_sheet(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        """Writes examples [n, ...] side by side, or one below the other, for a person to look at."""
        write_marked(path, "".join(f"{cls.as_text(value)}\n" for value in values).encode(), metadata)

    @classmethod
    def save_choices(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        """As `save_sheet`, each with its number from 1, for a person to choose from."""
        lines = (f"{number}: {cls.as_text(value)}\n" for number, value in enumerate(values, 1))
        write_marked(path, "".join(lines).encode(), metadata)

    joined_ending: ClassVar[str | None] = None  # of a file of examples one after the other; a person wants it

    @classmethod
    def save_joined(cls, path: Path, values: np.ndarray, metadata: Mapping[str, str]) -> None:
        """Writes examples [n, ...] one after the other into one file."""
        raise NotImplementedError

    @classmethod
    def arrays(cls, values: np.ndarray) -> dict[str, np.ndarray]:
        """Examples [n, ...] as other programs want them in an .npz, by name; the first is what an .npy holds."""
        return {cls.array_name: values[..., 0] if values.ndim > 2 and values.shape[-1] == 1 else values}

    animation_endings: ClassVar[tuple[str, ...]] = ()  # of files that show one example after the other

    @classmethod
    def save_animation(cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], loop: bool) -> None:
        """Writes examples [n, ...] as frames of one file. Raises UserError where what that takes isn't installed."""
        raise NotImplementedError

    @classmethod
    def read_example(cls, path: Path, codec: Codec) -> np.ndarray:
        """One stored example from a person's file, as this codec has them. Raises UserError where it can't be read."""
        raise UserError(f"No file can be given as an example of {cls.plural}.", "Leave --like out.")

    @classmethod
    def read_mask(cls, path: Path, codec: Codec) -> np.ndarray:
        """Which parts of an example are to be filled, bool of an encoded one's shape. Raises as `read_example`."""
        raise UserError(f"No file can be given as a mask of {cls.plural}.", "Leave --fill out.")

    @classmethod
    def settings_at(
        cls, settings: Mapping[str, Any], sides: tuple[int, int], shape: tuple[int, ...]
    ) -> dict[str, Any] | None:
        """Settings under which data whose examples have a shape is read with other sides; None where it can't be."""
        return None

    @classmethod
    def sides_of_file(cls, path: Path) -> tuple[int, int]:
        """The height and the width of a person's file, from its beginning. Raises as `read_example`."""
        raise NotImplementedError

    @classmethod
    def read_as_it_is(cls, path: Path, codec: Codec) -> np.ndarray:
        """As `read_example`, with the sides that the file has."""
        raise NotImplementedError

    @classmethod
    def attributes(cls, codec: Codec) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """What can be measured in examples of this codec, by name: functions of stored values [n, ...] to [n]."""
        return {}

    @classmethod
    def as_terminal(cls, values: np.ndarray, columns: int) -> str | None:
        """Examples [n, ...] side by side for a terminal of so many columns, in letters and escape sequences; None where
        a line of text says as much."""
        return None

    @classmethod
    def join_sheets(cls, sheets: Sequence[Path], names: Sequence[str], path: Path) -> None:
        """Writes sheets of several runs into one file, so that they can be compared."""
        parts = [f"=== {name} ===\n{sheet.read_text(encoding='utf-8')}" for sheet, name in zip(sheets, names)]
        write_marked(path, "\n".join(parts).encode(), {"runs": ", ".join(names)})

    @classmethod
    def as_text(cls, value: np.ndarray) -> str:
        """One example in a line of text."""
        return " ".join(map(str, np.ravel(value).tolist()))

    @classmethod
    def as_html(cls, value: np.ndarray, what: str) -> str:
        """One example in a report; `what` it is, for those who can't see it."""
        return f'<pre title="{escape(what)}">{escape(cls.as_text(value))}</pre>'

    @classmethod
    def sides(cls, value: np.ndarray) -> tuple[int, int] | None:
        """Height and width in pixels that `as_html` shows an example with; None for text."""
        return None

    # Sequences outside, as strings that their codec has written.

    text_ending: ClassVar[str] = ".txt"  # of a file that holds one
    text_sheet_endings: ClassVar[tuple[str, ...]] = ()  # of files that show many, beside .txt and .jsonl

    @classmethod
    def save_text(cls, path: Path, text: str, metadata: Mapping[str, str]) -> None:
        """Writes one sequence, with what is said of it where there is room for that, signed and atomically."""
        write_marked(path, (text if text.endswith("\n") else f"{text}\n").encode(), metadata)

    @classmethod
    def save_text_sheet(cls, path: Path, texts: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Writes several to a file with one of `text_sheet_endings`, for a person to look at."""
        raise NotImplementedError

    # Rows outside. `first` is the seed of the first row, each other one's is one more: keys are made from them.

    row_endings: ClassVar[tuple[str, ...]] = (".csv",)  # of files of rows; the first where nobody names one

    @classmethod
    def save_rows(cls, path: Path, rows: Rows, metadata: Mapping[str, str], first: int = 0) -> None:
        """Writes rows with what is said of them, atomically."""
        raise NotImplementedError

    @classmethod
    def read_rows(cls, path: Path, codec: Codec) -> Any:
        """A person's rows as this codec has them; columns that aren't there are missing. Raises UserError.

        They are Rows with `unknown`, by column bool [n]: cells that say what the codec doesn't know; and `completed`,
        which takes the rows that a model made of them and gives those to write.
        """
        raise NotImplementedError

    @classmethod
    def records(cls, rows: Rows, first: int = 0) -> list[dict[str, Any]]:
        """Each row as a dict of plain values, None where a cell is missing."""
        raise NotImplementedError

    @classmethod
    def lines(cls, rows: Rows, heading: bool = False, first: int = 0) -> list[str]:
        """A line of text for each row, under one that names the columns where that is asked for."""
        raise NotImplementedError

    @classmethod
    def rows_as_html(cls, rows: Rows, first: int = 0) -> str:
        """Rows in a notebook or a report."""
        return f"<pre>{escape(chr(10).join(cls.lines(rows, heading=True, first=first)))}</pre>"

    @classmethod
    def holds(cls, rows: Rows, codec: Codec) -> np.ndarray:
        """Whether what the data's rows have in common holds in each row, bool [n]."""
        return np.ones(len(rows), bool)

    @classmethod
    def broken_constraints(cls, rows: Rows, codec: Codec) -> list[str]:
        """What holds in every row of the data, but not in all of these, as a person writes it."""
        return []

    @classmethod
    def repair(cls, rows: Rows, codec: Codec, settled: Mapping[str, np.ndarray] = {}) -> Rows:
        """The same rows, with what follows from other columns put right.

        settled: by column, bool [n]: cells that stay as they are, since they were given or asked for.
        """
        return rows

    # Sets outside.

    @classmethod
    def read_sets(cls, path: Path, codec: Codec, settings: Mapping[str, Any]) -> tuple[list[str], Any]:
        """A person's sets as this codec has them, representations.sets.sets.Sets, and of each whose it is. Raises
        UserError.

        settings: of the data that a run learned; what they say of reading holds here too.
        """
        raise NotImplementedError

    # Judging. Examples and groups of samples are as the representation has them: stored values [n, ...], or of
    # sequences ids with what each goes on from.

    metric_samples: ClassVar[int | None] = None  # how many arrays of a group `metric_inputs` gets at most; None for all

    @classmethod
    def metric_inputs(
        cls, examples: Examples, samples: Callable[[], Any], openings: Callable[[], Sequence[Any]]
    ) -> Mapping[str, Callable[[], np.ndarray]]:
        """What metrics of this kind alone ask for, by name, of a group of samples; all is made when it is asked for.

        examples: what was learned. openings: the prompt of each sample; of sequences its ids.
        """
        return {}

    missing_inputs: ClassVar[Mapping[str, str]] = {}  # those that data may not have, and the sentence that says why

    @classmethod
    def others(cls, examples: Examples, count: int, seed: int) -> Mapping[str, tuple[str, Any]]:
        """Samples of simpler makers in a model's place, by name, each with what it is in words.

        Of "real" and "copies", which are there in any case, they are what metrics of this kind alone look at.
        """
        return {}

    @classmethod
    def concerns(
        cls, scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]], margins: Mapping[str, float]
    ) -> "list[Concern]":
        """What a good score of this kind can hide; `others` are the scores of baselines by their names, `margins` how
        far each score may be off by chance (95 %), where that is known."""
        return []

    # Files from a server: the signature of an export that gives them (ArrayCodec.as_files), and how they are read.

    file_signature: ClassVar[str | None] = None

    @classmethod
    def read_file(cls, content: bytes) -> np.ndarray:
        """One stored example. Raises ValueError or OSError where the content is none."""
        raise NotImplementedError

    @classmethod
    def first_command(cls, codec: Mapping[str, Any], run: str) -> str:
        """What a person types to get the first sample of a run; `codec` is its codec.json."""
        return command_line("generate", run)

    @classmethod
    def hub_task(cls, codec: Mapping[str, Any]) -> str | None:
        """What Hugging Face's hub calls what a run with this codec.json does (`pipeline_tag`); None where it has no
        word for it."""
        return None

    # Export.

    @classmethod
    def app_templates(cls) -> Path | None:
        """A folder of worked examples that load a TFLite file, as string.Template files; None for tfgen's own."""
        return None

    @classmethod
    def app_words(cls, codec: Codec) -> dict[str, Any]:
        """What the templates say of this codec, beside what every template may use."""
        return {}
