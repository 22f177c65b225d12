"""The Python door: everything that the command line does, as functions and a Run with verbs.

Nothing is printed unless `verbose=True`, no signal handler is installed, and errors are UserError. The command line is
a client of this module.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen import run as storage
from tfgen.arguments import names, number, plain, text, whole
from tfgen.console import is_talking, talking
from tfgen.environment import load_tensorflow
from tfgen.errors import UserError

if TYPE_CHECKING:
    import keras

    from tfgen.evaluate.compare import Comparison
    from tfgen.evaluate.record import Evaluation
    from tfgen.export.job import Artefact
    from tfgen.generate.arrays import ArraySamples
    from tfgen.generate.sequences import SequenceSamples

DEFAULT_FORMATS = ("saved-model", "tflite")


class Run(storage.Run):
    """A trained model in its folder: what it was trained on is in `record`, and its verbs are methods."""

    @property
    def model(self) -> "keras.Model":
        """The Keras model with the weights of the newest checkpoint; loaded anew where there is a newer one."""
        load_tensorflow()
        from tfgen.checkpoints import newest_name
        from tfgen.restore import load_model

        state = newest_name(self.checkpoints), self.version
        if getattr(self, "_loaded", None) is None or self._loaded[1] != state:
            self._loaded = load_model(self), state
        return self._loaded[0]

    def generate(
        self, prompt: str = "", n: int | None = None, seed: int = 0, **options: Any
    ) -> "ArraySamples | SequenceSamples":
        """Samples `seed`, `seed + 1`, ..., of a prompt if the run knows prompts.

        Args:
            n: how many; by default as many as suit the modality.
            options: of a run that makes sequences, how the next token is chosen: temperature, top_k, top_p, min_p,
                repetition_penalty, beams, length, stop, ladder; of one that makes arrays, what steers them: truncation,
                reject, interpolate, frames, loop, like, fill (docs/generation.md).

        Returns:
            Of pictures a numpy array uint8 [n, height, width, channels], of text a sequence of strings. Both show
            themselves in a notebook and have `save(path)`.

        Raises:
            UserError: the model can't follow the prompt, or an option is not for this run.
        """
        from tfgen.generate import Request, open_generator

        options = {name: plain(value) for name, value in options.items()}
        request = Request(text("prompt", prompt), whole("n", n), whole("seed", seed) or 0, None, options)
        generator = open_generator(self, request)
        load_tensorflow()
        return generator.samples()

    def evaluate(
        self,
        data: str | None = None,
        *,
        metrics: str | Sequence[str] = (),
        n: int | None = None,
        extractor: str | None = None,
        seed: int = 0,
        verbose: bool = False,
    ) -> "Evaluation":
        """Scores with intervals, baselines and alarms; `evaluation["frechet"].value` is one of them.

        Args:
            data: held-out examples, real ones that the run never saw.
            metrics: only these; then nothing is kept in the run.
        """
        from tfgen.evaluate.request import EvaluateRequest

        holdout = str(data) if isinstance(data, Path) else data
        request = EvaluateRequest(holdout, names(metrics), whole("n", n), extractor, whole("seed", seed) or 0)
        load_tensorflow()
        from tfgen.evaluate.stage import evaluate

        with talking(verbose or is_talking()):
            return evaluate(self, request)

    def export(
        self,
        output: str | Path | None = None,
        *,
        saved_model: bool = False,
        tflite: str | Sequence[str] | bool = (),
        onnx: bool = False,
        serving: bool = False,
        verbose: bool = False,
    ) -> "list[Artefact]":
        """Files that work elsewhere, each proved to answer as the model does before it is published.

        Args:
            output: a folder; by default the run's own `export`.
            tflite: the number formats of TFLite files: float32, float16, int8, int8-weights; True for float32. Where
                neither this nor `saved_model`, `onnx` or `serving` is given, a SavedModel and float32 are made.
            onnx: files for ONNX Runtime, of the signatures that draw nothing by chance; needs the extra [onnx].
            serving: also write TensorFlow Serving's configuration, Compose and Kubernetes files.

        Raises:
            Failure: an export is too far from its model; nothing was published.
        """
        from tfgen.export.request import ExportRequest

        number_formats = ("float32",) if tflite is True else names(tflite or ())
        wanted = {"saved-model": saved_model or serving, "tflite": bool(number_formats), "onnx": onnx}
        formats = tuple(name for name in wanted if wanted[name]) or DEFAULT_FORMATS
        folder = None if output is None else Path(output)
        with talking(verbose or is_talking()):
            return self.export_request(ExportRequest(formats, number_formats or ("float32",), folder, serving))

    def export_request(self, request: Any) -> "list[Artefact]":
        """As `export`, for a tfgen.export.request.ExportRequest."""
        from tfgen.export.request import check

        check(request)
        load_tensorflow()
        from tfgen.export.stage import export

        return export(self, request)

    def __repr__(self) -> str:
        record = self.record
        return f"<Run {self.name!r}: {record['model']} on {record['data']['source']}, {record['status']}>"


def fit(
    model: str | None = None,
    data: Any = None,
    *,
    labels: Any = None,
    output: str | Path | None = None,
    size: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
    resume: bool = False,
    start: "str | Path | storage.Run | None" = None,
    lora: int | None = None,
    save_every: float = 30.0,
    evaluate_every: int | None = None,
    patience: int | None = None,
    tensorboard: bool = False,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    verbose: bool = False,
    interruptible: bool = False,
    repeat: "str | Path | storage.Run | None" = None,
    data_settings: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Run:
    """Trains a model on data and keeps everything in a run.

    Args:
        model: a name of the catalog: "gan", "vae" or "gpt".
        data: a path, a name, a numpy array, a tf.data.Dataset or a list of strings; None for what comes with tfgen.
        labels: of data in memory, one for each example.
        output: the run's name or path; by default it is named after data and model.
        size: of the model: "tiny", "small" or "base".
        minutes, steps: how long; one of them, by default 3 minutes.
        seed: the same one repeats a run.
        resume: continue an unfinished run from its last checkpoint.
        start: what to begin with: an earlier run, or a preset, and `lora` the rank of the adapters that are learned
            beside a preset's weights.
        save_every: seconds between checkpoints.
        evaluate_every, patience: measure every so many steps, and stop after so many measurements that were no better.
        callbacks: Keras callbacks, called as in `keras.Model.fit`; an execution of several steps counts as one batch.
        interruptible: let Ctrl-C end the fit between two steps, by a signal handler.
        repeat: a run that is done once more, with its model, data and settings, to the same weights.
        data_settings: those of the data's settings that are called as one of these arguments: {"size": 32} for
            pictures.
        settings: the model's and the data's, as in docs/settings.md.

    Raises:
        UserError: the request can't work; nothing was written.
        Failure: the model diverged or collapsed, or the disk is full; the last good weights are kept.
    """
    from tfgen.training.request import FitRequest

    if not isinstance(size, (str, type(None))):
        raise UserError(
            f"size is the model's, tiny, small or base, not {size!r}.",
            f"For the size of pictures: data_settings={{'size': {plain(size)!r}}}.",
        )
    request = FitRequest(
        model=model,
        data=str(data) if isinstance(data, Path) else data,
        output=None if output is None else str(output),
        size=size,
        minutes=number("minutes", minutes),
        steps=whole("steps", steps),
        seed=whole("seed", seed),
        settings={**settings, **(data_settings or {})},
        labels=labels,
        resume=resume,
        tensorboard=tensorboard,
        save_every=number("save_every", save_every) or 0.0,
        evaluate_every=whole("evaluate_every", evaluate_every),
        patience=whole("patience", patience),
        start=_name_of(start),
        lora=whole("lora", lora),
        interruptible=interruptible,
        callbacks=tuple(callbacks),
        repeat=_name_of(repeat),
    )
    with talking(verbose or is_talking()):
        return fit_request(request)


def _name_of(run: "str | Path | storage.Run | None") -> str | None:
    return None if run is None else str(getattr(run, "path", run))


def fit_request(request: Any) -> Run:
    """As `fit`, for a tfgen.training.request.FitRequest."""
    from tfgen.training.request import check

    check(request)
    load_tensorflow()
    from tfgen.catalog import ENGINES
    from tfgen.training.stage import Hooks
    from tfgen.training.stage import fit as fit_with
    from tfgen.generate.sheets import open_sheets

    def open_tracker(run: Run, model: Any, examples: Any) -> Any:
        return ENGINES.load(f"measure/{examples.representation}")(model, examples)

    run = fit_with(request, Hooks(open_sheets, open_tracker))
    return Run(run.path, run.record)


def load(name: str | Path) -> Run:
    """The run with this name under `saved_models` (or $TFGEN_RUNS), or at this path.

    Raises:
        UserError: there is none; names the nearest.
    """
    return Run.open(str(name))


def runs() -> list[Run]:
    """Every run under `saved_models`, oldest first."""
    return [Run(run.path, run.record) for run in storage.all_runs()]


def open_data(source: Any = None, *, labels: Any = None, verbose: bool = False, **settings: Any) -> Any:
    """What tfgen sees in a source: its examples, as `fit` would learn them. See tfgen.data.open_data."""
    from tfgen.console import Preparation
    from tfgen.data import open_data as open_examples

    with talking(verbose or is_talking()):
        return open_examples(source, labels=labels, progress=Preparation().show, **settings)


def compare(runs: Sequence[Run], **options: Any) -> "Comparison":
    """Runs beside each other by their scores, and which differences mean something; options as in Run.evaluate.

    Raises:
        UserError: there is only one run, or they can't be compared, whatever their scores.
    """
    if len(runs) < 2:
        raise UserError("A comparison needs two runs or more.", "Give them as a list.")
    load_tensorflow()
    from tfgen.evaluate.compare import check_runs
    from tfgen.evaluate.compare import compare as compare_evaluations

    check_runs(list(runs))
    return compare_evaluations([run.evaluate(**options) for run in runs])


def check_evaluation(
    runs: Sequence[Run], data: str | None, metrics: Sequence[str], n: int | None, extractor: str | None, seed: int
) -> None:
    """Raises UserError where an evaluation can't work, as far as that can be seen without TensorFlow."""
    from tfgen.data.sources import check_source
    from tfgen.evaluate.request import EvaluateRequest, check
    from tfgen.restore import open_codec

    for run in runs:
        representation = open_codec(run).representation
        check(EvaluateRequest(data, tuple(metrics), n, extractor, seed), representation, run.record["modality"])
    if data is not None:
        check_source(data)  # what isn't there is said before TensorFlow loads
