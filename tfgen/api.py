"""The Python door: everything that the command line does, as functions and a Run with verbs.

Nothing is printed unless `verbose=True`, no signal handler is installed, and errors are UserError. The command line is
a client of this module.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen import run as storage
from tfgen.arguments import names, number, plain, text, whole
from tfgen.console import is_talking, talking
from tfgen.environment import load_tensorflow
from tfgen.errors import Failure, UserError
from tfgen.representations import ROWS

if TYPE_CHECKING:
    import keras

    from tfgen.evaluate.compare import Comparison
    from tfgen.evaluate.record import Evaluation
    from tfgen.evaluate.rows.anomalies import LikelyRow
    from tfgen.export.job import Artefact
    from tfgen.feedback.report import FeedbackReport
    from tfgen.generate.arrays import ArraySamples
    from tfgen.generate.bulk import Shards
    from tfgen.generate.sequences import SequenceSamples
    from tfgen.prompts.matrix import BestOf
    from tfgen.prompts.improve import Improved, Improvement
    from tfgen.prompts.library import PromptLibrary, PromptVersion
    from tfgen.prompts.testing import PromptTest
    from tfgen.prompts.testing import Result as PromptTestResult
    from tfgen.steering.session import Session
    from tfgen.trust.explanation.explainer import Explanation
    from tfgen.trust.forgetting.stage import Forgetting
    from tfgen.trust.forgetting.statement import Forgotten
    from tfgen.trust.verification import Verification

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
        self,
        prompt: str = "",
        n: int | None = None,
        seed: int = 0,
        *,
        variables: Mapping[str, str | Sequence[str]] | None = None,
        template: bool = False,
        preset: str | None = None,
        best_of: int | None = None,
        signed: bool = True,
        **options: Any,
    ) -> "ArraySamples | SequenceSamples":
        """Samples `seed`, `seed + 1`, ..., of a prompt if the run knows prompts.

        Args:
            prompt: as the run knows it, or "@name", "@name@3" and "@name@best" for a saved one (docs/prompts.md); where
                it is several, `n` samples of each are made, all at the same seeds.
            n: how many; by default as many as suit the modality.
            variables: values of a saved prompt's or a template's variables: {"color": ["red", "blue"]}.
            template: whether the prompt is a template itself.
            preset: what a session of `steer` was saved as, or any other version of the run.
            best_of: make so many for each sample, and keep the one that people would like best, as far as what was said
                of this run tells.
            signed: whether files that are saved of them say by a signature that a model made them; `verify` reads it.
            options: of a run that makes sequences, how the next token is chosen: temperature, top_k, top_p, min_p,
                repetition_penalty, beams, length, stop, ladder, attempts; of one that makes arrays, what steers them:
                truncation, reject, interpolate, frames, loop, like, fill (docs/generation.md); of rows, `like`: a file
                or a DataFrame whose gaps are filled in.

        Returns:
            Of pictures a numpy array uint8 [n, height, width, channels], of text a sequence of strings. Both show
            themselves in a notebook and have `save(path)`.

        Raises:
            UserError: the model can't follow the prompt, or an option is not for this run.
        """
        from tfgen.generate import Request
        from tfgen.prompts.matrix import Filling, open_samples
        from tfgen.restore import keeping_newest

        options = {name: plain(value) for name, value in options.items()}
        filling = Filling({name: names(values) for name, values in (variables or {}).items()})
        run = self if preset is None else self.open(f"{self.path}@{text('preset', preset)}")
        best = None if best_of is None else liked_best(whole("best_of", best_of))
        with self._as_path(options.get("like")) as like:
            if like is not None:
                options["like"] = like
            request = Request(
                text("prompt", prompt), whole("n", n), whole("seed", seed) or 0, None, options, signed=signed
            )
            generator = open_samples(run, request, filling, template or bool(variables), best)
            load_tensorflow()
            with keeping_newest():
                return generator.samples()

    def generate_shards(
        self,
        output: str | Path,
        prompt: str = "",
        n: int | None = None,
        seed: int = 0,
        *,
        shard_format: str | None = None,
        shard_size: int | None = None,
        runner: str | None = None,
        runner_options: Sequence[str] = (),
        variables: Mapping[str, str | Sequence[str]] | None = None,
        template: bool = False,
        preset: str | None = None,
        signed: bool = True,
        verbose: bool = False,
        **options: Any,
    ) -> "Shards":
        """The samples that `generate` makes at the same seeds, in files of so many, by Apache Beam (docs/scale.md).

        The same call goes on where an earlier one was stopped, and makes only what is missing.

        Args:
            output: a folder for shards and manifest.json, on a disk that all workers see under this path.
            n: how many samples in all.
            shard_format: "wds" (WebDataset's tar), "parquet", "jsonl" or "tfrecord", as the run can be written.
            shard_size: samples of a shard; by default some seconds' work.
            runner: as Beam calls it; None for a process on each of this machine's processors.
            runner_options: of the runner's, as "name=value".
            options: as of `generate`, those under which a sample depends on its own seed alone.

        Raises:
            UserError: Beam isn't installed, the request can't work, or the folder holds something else.
            Failure: a worker failed; what is made stays.
        """
        from tfgen.generate import Request
        from tfgen.generate.bulk import generate_shards, open_bulk
        from tfgen.generate.pipeline import Cluster
        from tfgen.prompts.matrix import Filling, only_one

        options = {name: plain(value) for name, value in options.items()}
        n, seed = whole("n", n), whole("seed", seed) or 0
        folder = None if output is None else Path(output)
        request = Request(text("prompt", prompt), n, seed, folder, options, signed=signed)
        filling = Filling({name: names(values) for name, values in (variables or {}).items()})
        run = self if preset is None else self.open(f"{self.path}@{text('preset', preset)}")
        request = only_one(request, filling, template or bool(variables))
        bulk = open_bulk(run, request, shard_format, whole("shard_size", shard_size))
        cluster = Cluster(runner, names(runner_options))
        cluster.check()
        with talking(verbose or is_talking()):
            return generate_shards(bulk, cluster)

    def steer(
        self,
        prompt: str = "",
        k: int = 9,
        seed: int = 0,
        *,
        session: str | None = None,
        typical: bool = True,
        store: Any = None,
        keep: bool = True,
        who: str = "",
        **options: Any,
    ) -> "Session":
        """A session of steering: `tiles()` are shown, `answer("pick", [places])` says what is liked, the next tiles
        follow, and `save(name)` keeps what was found as a preset.

        Args:
            k: how many tiles, 2 to 36. seed: the same one and the same answers give the same tiles.
            session: the id of an earlier one, to go on with.
            typical: show nothing that is less at home in the model than nearly all that it makes.
            store: where answers are kept at once, of tfgen.feedback.store.open_store; by default the usual one.
            keep: whether they are kept at all.
            who: whose answers they are; by default $TFGEN_WHO or the account's name.
            options: of a run that makes sequences, as in `generate`.

        Raises:
            UserError: the model can't follow the prompt, or the session can't be gone on with.
        """
        from tfgen.steering.session import SteerRequest, continue_session, open_session

        if keep and store is None:
            from tfgen.feedback.store import open_store

            store = open_store()
        if session is not None:
            if store is None:
                raise UserError("An earlier session is in a store.", "Leave keep out.")
            load_tensorflow()
            return continue_session(self, session, store, who)
        options = {name: plain(value) for name, value in options.items()}
        request = SteerRequest(
            text("prompt", prompt), whole("k", k) or 0, whole("seed", seed) or 0, typical, options=options
        )
        opened = open_session(self, request, store if keep else None, who)
        load_tensorflow()
        return opened

    def evaluate(
        self,
        data: Any = None,
        *,
        metrics: str | Sequence[str] = (),
        n: int | None = None,
        extractor: str | None = None,
        seed: int = 0,
        target: str | None = None,
        carbon: float | None = None,
        verbose: bool = False,
    ) -> "Evaluation":
        """Scores with intervals, baselines and alarms; `evaluation["frechet"].value` is one of them.

        Args:
            data: held-out examples, real ones that the run never saw: a path, or of rows a DataFrame or a dict of
                columns.
            metrics: only these; then nothing is kept in the run.
            target: of rows, the column that is predicted, to see what samples are good for; else guessed.
            carbon: grams of CO2 for a kilowatt-hour of electricity; by default what the fit was told.
        """
        from tfgen.evaluate.request import EvaluateRequest

        with self._as_path(str(data) if isinstance(data, Path) else data) as holdout:
            request = EvaluateRequest(
                holdout, names(metrics), whole("n", n), extractor, whole("seed", seed) or 0, target,
                number("carbon", carbon),
            )
            load_tensorflow()
            from tfgen.evaluate.stage import evaluate

            with talking(verbose or is_talking()):
                return evaluate(self, request)

    def explain(
        self, prompt: str = "", *, output: str | Path | None = None, seed: int = 0, verbose: bool = False
    ) -> "Explanation":
        """Why the run makes what it makes, and which of that a model that learned nothing would say too.

        Of arrays: directions in the latents, with names that measurements bear out, and the training examples that are
        nearest to samples. Of sequences: which tokens made later ones likely. Of rows: what gives them away, and what
        conditions change. Of sets: which items spoke for a suggestion. Writes explanation.html and explanation.json.

        Args:
            prompt: as the run knows it; of sequences the text that is explained.
            output: a folder; by default the run's own.
            seed: of the first sample.

        Raises:
            UserError: the model can't follow the prompt.
        """
        from tfgen.trust.explanation.explainer import ExplainRequest, explain, open_explainer

        folder = None if output is None else Path(output)
        request = ExplainRequest(text("prompt", prompt), folder, whole("seed", seed) or 0)
        explainer = open_explainer(self, request)
        load_tensorflow()
        with talking(verbose or is_talking()):
            return explain(explainer)

    def least_likely(self, data: Any = None, n: int = 20) -> "list[LikelyRow]":
        """The rows that the run's model finds the least likely, the most unlikely first.

        Args:
            data: other rows with the same columns, a path, a DataFrame or a dict of columns; by default those that the
                run read.

        Raises:
            UserError: the run learned no rows, or its model can't say how likely one is.
        """
        from tfgen.restore import open_codec

        if open_codec(self).representation != ROWS:
            raise UserError("Only a run that learned rows can say which are unlikely.", "Leave --rows out.")
        load_tensorflow()
        from tfgen.evaluate.rows.anomalies import rows_of

        with self._as_path(data) as source:
            return rows_of(self, None if source is None else str(source), whole("n", n) or 20)

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

    def card(
        self,
        output: str | Path | None = None,
        *,
        license: str | None = None,
        data_license: str | None = None,
        intended: str | None = None,
        carbon: float | None = None,
        with_scores: bool = False,
    ) -> str:
        """A model card in Markdown, with Hugging Face's front matter and headings, from what was measured.

        Args:
            output: a file to write it to as well.
            license, data_license: of the model and of what it learned, by their names.
            intended: what the model is meant for, in sentences.
            carbon: grams of CO2 for a kilowatt-hour of electricity; by default what the fit was told.
            with_scores: of a private run, take in scores, alarms and the data's fingerprint, which look at the real
                examples without noise; a card of others has them anyway.

        Raises:
            Failure: the file can't be written.
        """
        from tfgen.files import write_bytes
        from tfgen.trust.card import CardRequest, card

        said = CardRequest(license, data_license, intended, number("carbon", carbon), with_scores)
        content = card(self, said)
        if output is not None:
            try:
                write_bytes(Path(output), content.encode())
            except OSError as error:
                what = f"'{output}' can't be written: {error.strerror or error}."
                raise Failure(what, "Make room, or name another file.") from error
        return content

    def watermark(self, lost: float = 0.02, *, name: str | None = None, verbose: bool = False) -> "Run":
        """A version whose texts bear a watermark, which `verify` tells; in use from now on. The run of that version.

        Args:
            lost: how much of the perplexity it may cost.
            name: of the version; by default "watermarked".

        Raises:
            UserError: the run makes no texts, or bears a watermark already.
        """
        from tfgen.trust.watermarking import watermark

        with talking(verbose or is_talking()):
            version = watermark(self, number("lost", lost), name)
        return Run(self.path, self.record, version.name)

    def forget(self, *, output: str | Path | None = None, verbose: bool = False, **what: Any) -> "Forgotten":
        """Erases records from this run and from all that they touched; asks nothing. See `open_forgetting`.

        Args:
            output: where the signed statement is written, a file.
        """
        with self._as_path(what.pop("rows", None)) as rows, talking(verbose or is_talking()):
            forgetting = self.open_forgetting(rows=rows, **what)
            return forgetting.carry_out(None if output is None else Path(output))

    def open_forgetting(
        self,
        *,
        rows: str | Path | None = None,
        person: str | None = None,
        data: str | Path | None = None,
        search: Sequence[str | Path] = (),
        delete: bool = False,
        keep_equal: bool = False,
    ) -> "Forgetting":
        """As `forget`, before anything is done: `plan()` says what would be, `carry_out()` does it.

        Args:
            rows: a file or folder with the records as they were in the data, of the same kind.
            person: an id that stands in the data, or in the names of its files.
            data: the data without them, where it isn't where the run found it.
            search: folders in which exports and samples go too, where these runs signed them.
            delete: delete the runs rather than fit them anew.
            keep_equal: examples that equal a record are somebody else's, and stay.

        Raises:
            UserError: the data still holds a record; nothing was done.
        """
        from tfgen.trust.forgetting.records import Records
        from tfgen.trust.forgetting.stage import Forgetting, ForgetRequest

        if rows is not None and not isinstance(rows, (str, Path)):
            what = f"The records are of type {type(rows).__name__}, and must be a file until all is carried out."
            raise UserError(what, "Write them to one, or call forget, which takes tables in memory too.")
        records = Records(None if rows is None else Path(rows), person, keep_equal)
        folders = tuple(Path(each) for each in search)
        known = None if data is None else str(data)
        return Forgetting(self, ForgetRequest(records, known, folders, delete), fit_request)

    def feedback(self) -> "FeedbackReport":
        """What was said of its samples, who agrees with whom, and what was learned from it."""
        from tfgen.feedback.report import report
        from tfgen.feedback.store import open_store

        with open_store() as store:
            return report(store, self)

    def tune(
        self,
        strength: str | float = "medium",
        *,
        name: str | None = None,
        method: str | None = None,
        who: str | None = None,
        seed: int = 0,
        store: Any = None,
        verbose: bool = False,
    ) -> "Run":
        """A new version, learned from what people said of this run's samples; the run of that version.

        It is in use afterwards, unless it costs too much: `version_record["concerns"]` says what.

        Args:
            strength: how far it may go: "low", "medium", "high", or a number above 0; 1 is medium.
            name: of the version; by default v1, v2, ...
            who: learn from this person alone.
            store: of tfgen.feedback.store.open_store; by default the usual one.

        Raises:
            UserError: too little was said, or answers that were held out are not predicted better than by chance.
        """
        with self._open_tuner(strength, name, method, who, seed, store) as tuner:
            load_tensorflow()
            from tfgen.tuning.stage import tune

            with talking(verbose or is_talking()):
                version = tune(tuner)
        return Run(self.path, tuner.run.record, version.name)

    def plan_tuning(
        self, strength: str | float = "medium", *, name: str | None = None, method: str | None = None,
        who: str | None = None, seed: int = 0, store: Any = None,
    ) -> str:
        """What `tune` would do, in a sentence or two. Raises UserError where it would for too little feedback."""
        with self._open_tuner(strength, name, method, who, seed, store) as tuner:
            return tuner.plan()

    @contextlib.contextmanager
    def _open_tuner(
        self, strength: str | float, name: str | None, method: str | None, who: str | None, seed: int, store: Any
    ) -> Iterator[Any]:
        from tfgen.feedback.store import open_store
        from tfgen.tuning import TuneRequest
        from tfgen.tuning.stage import open_tuner, strength_of

        request = TuneRequest(strength_of(plain(strength)), method, name, whole("seed", seed) or 0)
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(open_store()) if store is None else store
            yield open_tuner(self, request, opened, who)

    @property
    def version_record(self) -> dict[str, Any]:
        """Where this version is from, as plain JSON; empty for "base"."""
        from tfgen import versions

        return {} if self.version == storage.BASE else versions.find(self, self.version).record

    def versions(self) -> list[dict[str, Any]]:
        """What was learned from people since the fit, oldest first: the record of each version, with its name and
        whether it is in use."""
        from tfgen.versions import described

        return described(self)

    def revert(self, name: str | None = None) -> "Run":
        """Puts another version into use, by default the one before; "base" is what the fit ended with.

        Raises:
            UserError: there is no such version, or none before.
        """
        from tfgen.tuning.stage import revert

        revert(self, name)
        return Run(self.path, self.record)

    def export_request(self, request: Any) -> "list[Artefact]":
        """As `export`, for a tfgen.export.request.ExportRequest."""
        from tfgen.export.request import check

        check(request)
        load_tensorflow()
        from tfgen.export.stage import export

        return export(self, request)

    def upscale(
        self, pictures: Any, by: int = 2, *, minutes: float | None = None, steps: int | None = None
    ) -> Any:
        """Pictures uint8 [n, h, w, c], such as `generate` gives, with sides `by` times as long, 2 or 4.

        The first call learns, from the run's data, what lies between pixels; `minutes` or `steps` learn anew for so
        long (docs/upscaling.md).

        Raises:
            UserError: the run makes no pictures, is private, or its data is gone; or these are no pictures like its.
        """
        load_tensorflow()
        from tfgen.upscale.stage import upscale

        return upscale(self, pictures, whole("by", by), minutes, steps)

    def upscale_files(
        self,
        files: str | Path | Sequence[str | Path],
        by: int = 2,
        *,
        output: str | Path | None = None,
        minutes: float | None = None,
        steps: int | None = None,
        signed: bool = True,
    ) -> list[Path]:
        """As `upscale`, of picture files and folders of them; writes signed PNGs to the folder `output`, by default
        RUN-x2, and gives their paths."""
        if not files:
            raise UserError("No picture is named.", "Name files or folders of pictures.")
        load_tensorflow()
        from tfgen.upscale.stage import UpscaleRequest, upscale_files

        places = tuple(Path(file) for file in ([files] if isinstance(files, (str, Path)) else files))
        to = None if output is None else Path(output)
        return upscale_files(self, UpscaleRequest(places, whole("by", by), minutes, steps, to, signed))

    def export_upscaler(
        self,
        output: str | Path | None = None,
        by: int = 2,
        *,
        minutes: float | None = None,
        steps: int | None = None,
    ) -> "list[Artefact]":
        """What enlarges as a SavedModel and a TFLite file, `output`/RUN-x2 and `output`/tflite/RUN-x2, proved as
        `export` does; by default beside what enlarges, in the run's folder."""
        load_tensorflow()
        from tfgen.upscale.exports import export

        return export(self, whole("by", by), None if output is None else Path(output), minutes, steps)

    def test_prompt(self, prompt: str, **options: Any) -> "PromptTestResult":
        """Every combination of a prompt at the same seeds: scores, and whether what is asserted holds.

        Args:
            prompt: "@name", a template, or the path of a test file (docs/prompts.md).
            options: as of `open_prompt_test`.
        """
        test = self.open_prompt_test(prompt, **options)
        load_tensorflow()
        return test.run()

    def open_prompt_test(
        self,
        prompt: str,
        *,
        n: int | None = None,
        seed: int | None = None,
        asserted: str | Sequence[str] = (),
        variables: Mapping[str, str | Sequence[str]] | None = None,
        settings: Mapping[str, Any] | None = None,
        random: int | None = None,
        output: str | Path | None = None,
    ) -> "PromptTest":
        """As `test_prompt`, before anything is made: `run()` gives the result, and `save(result)` writes all samples.

        Args:
            n: samples of each combination. seed: of the first.
            asserted: such as "recognised>=0.9" or "contains:wolf".
            random: only so many of the combinations, drawn by chance.
            output: where `save` writes.

        Raises:
            UserError: there is no such prompt, or an assertion isn't for this run; TensorFlow isn't loaded yet.
        """
        from tfgen.prompts.testing import open_test

        filling = {name: names(values) for name, values in (variables or {}).items()}
        return open_test(
            self, prompt, whole("n", n), whole("seed", seed), names(asserted), filling, settings or {},
            whole("random", random), None if output is None else Path(output),
        )

    def optimize_prompt(self, name: str, judge: str, *, verbose: bool = False, **options: Any) -> "Improved":
        """Looks for a better version of a saved prompt, and saves it where it is better on fresh seeds.

        Args:
            judge: a metric or an assertion as of `test_prompt`, or "reward", which is learned from feedback.
            options: as of `open_prompt_search`.
        """
        with self.open_prompt_search(name, judge, **options) as search, talking(verbose or is_talking()):
            load_tensorflow()
            return search.run()

    def open_prompt_search(
        self,
        name: str,
        judge: str,
        *,
        budget: int | None = None,
        variables: Mapping[str, str | Sequence[str]] | None = None,
        settings: Mapping[str, Any] | None = None,
        words: bool = True,
        n: int | None = None,
        seed: int = 0,
    ) -> "Improvement":
        """As `optimize_prompt`, before anything is made; a context manager with `run(show, ask)`.

        Args:
            judge: "people" too, who are asked by the function `ask` of two samples' groups.
            budget: samples in all; of people, picks.
            words: whether other words are tried, beside the template's combinations and settings.
            n: samples that a person sees of each.

        Raises:
            UserError: the prompt, judge or budget can't work; TensorFlow isn't loaded yet.
        """
        from tfgen.prompts.improve import OptimizeRequest, open_improvement
        from tfgen.tuning.judging import reward_of

        filling = {name: names(values) for name, values in (variables or {}).items()}
        request = OptimizeRequest(
            judge, whole("budget", budget), filling, settings or {}, words, whole("n", n), whole("seed", seed) or 0
        )
        return open_improvement(self, name, request, {"reward": reward_of})

    def _as_path(self, data: Any) -> contextlib.AbstractContextManager[Any]:
        """As the run's modality reads data that may be in memory."""
        from tfgen.catalog import MODALITIES

        return MODALITIES.load(self.record["modality"]).as_path(data)

    def __repr__(self) -> str:
        record = self.record
        return f"<Run {self.name!r}: {record['model']} on {record['data']['source']}, {record['status']}>"


def liked_best(count: int) -> "BestOf":
    """What keeps of so many samples the one that people would like best (tfgen.prompts.matrix.open_samples)."""
    from tfgen.feedback.store import open_store
    from tfgen.prompts.matrix import BestOf
    from tfgen.tuning.judging import reward_of

    def judge(cells: Any) -> Any:
        with open_store() as store:
            return reward_of(store, cells)

    return BestOf(count, judge)


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
    carbon: float | None = None,
    private: "float | str | Mapping[str, float] | None" = None,
    strategy: str | None = None,
    canaries: int | None = None,
    data_settings: Mapping[str, Any] | None = None,
    **settings: Any,
) -> "Run | None":
    """Trains a model on data and keeps everything in a run, which it gives.

    A worker that follows the chief of several (docs/distributed.md) has no run of its own and gives None.

    Args:
        model: a name of the catalog: "gan", "vae", "gpt" or "tree".
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
        carbon: grams of CO2 for a kilowatt-hour of electricity, so that grams stand beside watt-hours.
        private: learn with differential privacy: an epsilon, "epsilon=3,delta=1e-5,clip=1" or a dict of these
            (docs/privacy.md).
        strategy: train on several devices or machines: "mirrored", "multiworker", "tpu", "auto" (docs/distributed.md).
        canaries: learn about so many examples that nobody has among the data, so that `evaluate` can attack the model
            and tell what it gives away.
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
        carbon=number("carbon", carbon),
        private=None if private is False else private,
        strategy=strategy,
        canaries=whole("canaries", canaries),
    )
    with talking(verbose or is_talking()):
        return fit_request(request)


def _name_of(run: "str | Path | storage.Run | None") -> str | None:
    return None if run is None else str(getattr(run, "path", run))


def fit_request(request: Any) -> "Run | None":
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
    return None if run is None else Run(run.path, run.record)


def load(name: str | Path) -> Run:
    """The run with this name under `saved_models` (or $TFGEN_RUNS), or at this path.

    Raises:
        UserError: there is none; names the nearest.
    """
    return Run.open(str(name))


def runs() -> list[Run]:
    """Every run under `saved_models`, oldest first."""
    return [Run(run.path, run.record) for run in storage.all_runs()]


def save_prompt(
    name: str, template: str, *, message: str = "", settings: Mapping[str, Any] | None = None
) -> "PromptVersion":
    """A new version of a prompt that one keeps; the newest one where it says the same already.

    Args:
        template: with variables and alternatives, "a {color} {heart|star}" (docs/prompts.md).
        settings: options of `generate` that belong to it.

    Raises:
        UserError: it is no template, or a setting is none.
    """
    from tfgen.prompts.matrix import check_settings

    check_settings(settings or {})
    with _prompt_library() as library:
        return library.save(text("name", name), text("template", template), settings, message)


def prompt(address: str) -> "PromptVersion":
    """A saved prompt: "hearts" for the newest version, "hearts@3", or "hearts@best" by a tag."""
    with _prompt_library() as library:
        return library.find(address)


def prompt_versions(name: str) -> "list[PromptVersion]":
    """All versions of a prompt, oldest first."""
    with _prompt_library() as library:
        return library.versions(name.removeprefix("@"))


def saved_prompts() -> "list[PromptVersion]":
    """The newest version of every prompt."""
    with _prompt_library() as library:
        return library.newest()


def tag_prompt(address: str, tag: str) -> "PromptVersion":
    """Puts a tag on a version, from wherever it was."""
    with _prompt_library() as library:
        return library.tag(address, tag)


def remove_prompt(name: str) -> None:
    """Hides a prompt; its versions are kept, and saving it again brings them back."""
    with _prompt_library() as library:
        library.remove(name.removeprefix("@"))


@contextlib.contextmanager
def _prompt_library() -> "Iterator[PromptLibrary]":
    from tfgen.feedback.store import open_store
    from tfgen.prompts.library import PromptLibrary

    with open_store() as store:
        yield PromptLibrary(store)


def open_data(source: Any = None, *, labels: Any = None, verbose: bool = False, **settings: Any) -> Any:
    """What tfgen sees in a source: its examples, as `fit` would learn them. See tfgen.data.open_data."""
    from tfgen.console import Preparation
    from tfgen.data import open_data as open_examples

    with talking(verbose or is_talking()):
        return open_examples(source, labels=labels, progress=Preparation().show, **settings)


def export_feedback(path: str | Path, run: "str | Path | storage.Run | None" = None, what: str = "events") -> int:
    """Writes what people said as JSON lines, and gives how many rows there are.

    Args:
        what: "events", everything, for `import_feedback`; "preferences", rows {prompt, chosen, rejected, weight}; or
            "unpaired", rows {prompt, completion, label}. Of arrays, the two latter have files in a folder beside it.

    Raises:
        UserError: preferences are of one run, and none is named.
    """
    from tfgen.feedback.store import open_store
    from tfgen.generate.feedback_files import export_feedback as export

    opened = None if run is None else load(_name_of(run))
    with open_store() as store:
        return export(store, Path(path), opened, what)


def import_feedback(path: str | Path, run: "str | Path | storage.Run | None" = None) -> int:
    """Keeps what a file says, and gives how many answers are new: what `export_feedback` wrote, rows {prompt, chosen,
    rejected}, or a public set of preferences.

    Args:
        run: texts of others are taken to be samples of it, so that it can be tuned by them.

    Raises:
        UserError: a row can't be read; names file and line.
    """
    from tfgen.feedback.store import open_store
    from tfgen.generate.feedback_files import import_feedback as import_file

    opened = None if run is None else load(_name_of(run))
    with open_store() as store:
        return import_file(store, Path(path), opened)


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


def verify(path: str | Path, *, trust: str | Path | None = None) -> "Verification":
    """Who made a file or an exported folder, with which run, whether it was changed since, and how sure that is.

    Args:
        trust: a .pem file, or a folder of them, with certificates of authorities that you trust, beside those that
            $TFGEN_TRUST names.

    Raises:
        UserError: there is no such file, the library that reads marks isn't installed, or `trust` has no certificate.
    """
    from tfgen.trust.verification import verify as verify_file

    return verify_file(Path(path), None if trust is None else Path(trust))


def check_evaluation(
    runs: Sequence[Run],
    data: str | None,
    metrics: Sequence[str],
    n: int | None,
    extractor: str | None,
    seed: int,
    target: str | None = None,
    carbon: float | None = None,
) -> None:
    """Raises UserError where an evaluation can't work, as far as that can be seen without TensorFlow."""
    from tfgen.data.sources import check_source
    from tfgen.evaluate.compare import check_runs
    from tfgen.evaluate.request import EvaluateRequest, check
    from tfgen.evaluate.rows.boosting import check_target
    from tfgen.restore import open_codec

    for run in runs:
        codec = open_codec(run)
        request = EvaluateRequest(data, tuple(metrics), n, extractor, seed, target, carbon)
        check(request, codec.representation, run.record["modality"])
        if target is not None:
            check_target(target, [column.name for column in codec.learned])
    if len(runs) > 1:
        check_runs(runs)
    if data is not None:
        check_source(data)  # what isn't there is said before TensorFlow loads
