"""A request and data to a run: new, repeated or resumed; whatever can be wrong is found before anything is written."""

import contextlib
import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tfgen import config, files
from tfgen.catalog import DATASETS, MODALITIES, MODELS, able, representations_of
from tfgen.console import Preparation, say
from tfgen.data import open_data
from tfgen.data.examples import fit_command
from tfgen.environment import environment
from tfgen.errors import Failure, UserError
from tfgen.restore import class_of, open_codec
from tfgen.run import BASE, Run, all_runs, check_free, locate
from tfgen.training import private
from tfgen.training.initial_weights import check_overrides, open_initial_weights
from tfgen.training.request import (
    DEFAULT_MINUTES, DEFAULT_SEED, DEFAULT_SIZE, FitRequest, check, representation_of, start_run,
)  # fmt: skip
from tfgen.trust.canaries import LEAST, Canaries, made_and_planted
from tfgen.trust.privacy import Account

if TYPE_CHECKING:
    from tfgen.representations.base import Examples

_OTHER_MACHINE = "This machine or its software differs from the run's, so the weights may not end the same bit for bit."


class Beginning(NamedTuple):
    """A run whose fit begins, and what it learns."""

    run: Run
    examples: "Examples"
    clock: float  # time.monotonic() when its minutes began: once the data was there


def create_run(request: FitRequest, held: contextlib.ExitStack, replicas: int = 1) -> Beginning:
    """A new run, locked for as long as `held` is: everything that can be wrong is found before a folder is made.

    replicas: how many will share each batch.
    """
    check(request)
    repeated = None
    if request.repeat is not None:
        repeated = Run.open(request.repeat)
        request = _as_repeated(request, repeated)
    if request.output:
        check_free(locate(request.output))
    representation = representation_of(request)
    weights, size = open_initial_weights(request, representation), request.size or DEFAULT_SIZE
    own, of_data = config.split_settings(request.settings, weights.model_class.Config)
    if request.repeat is None:
        check_overrides(own, of_data, weights)
    weights.settings(own, size)  # before the data is read, which may take long
    source = weights.model_class.default_data if request.data is None else request.data
    examples = _open(source, {**of_data, **weights.data}, representation, request.labels)
    clock = time.monotonic()
    _check_representation(request.model, examples)
    examples = weights.widen(examples)
    if weights.model_class.fitted_at_once:
        request = _as_fitted_at_once(request)
    protected = None
    if request.private is not None:
        protected = private.protect(request, weights.model_class, examples, own)
        examples, own = protected.examples, protected.settings
    settings = weights.settings(own, size, examples)
    examples.check(settings)
    canaries = _canaries(request, weights.model_class, examples)
    if request.evaluate_every is not None and not examples.measurable:
        able = "holdout" in MODALITIES.load(examples.modality).settings
        more = "hold something out with --set holdout=0.1" if able else "give more data"
        raise UserError(
            "Nothing is held out, so there is nothing to measure a model by.", f"Leave --evaluate-every out, or {more}."
        )
    kept, data = _data_record(request, source, examples, {**examples.kept(of_data), **weights.kept()}, repeated)
    wanted = f"{examples.name}-{request.model}" if repeated is None else repeated.name
    if request.anew:
        repeated = None
    record = {**_record(request, settings, examples), **weights.record(size), "data": data}
    # Of a repeat, as the run wrote it: another version may list the same labels in another order.
    codec = examples.codec_json() if repeated is None else repeated.codec()
    # Made once, so that settings which don't fit each other are refused before a folder is made.
    model = weights.model_class(settings, examples.codec.specification, examples.conditions(), seed=0)
    model.check_shareable(replicas)
    contents = {**examples.codec.files(), **kept, **weights.files(model, examples, record)}
    if protected is not None:
        record["privacy"] = protected.account(settings).to_json()
        contents |= protected.files()
    if canaries is not None:
        own_file, record["canaries"] = canaries.packed()
        contents |= own_file
        examples = canaries.among(examples)
    if repeated is not None:
        _take_over(record, repeated)
    content = (record, codec, examples.report.to_json(), contents, held)
    return Beginning(_write(request, wanted, content), examples, clock)


def _canaries(request: FitRequest, made_by: type, examples: "Examples") -> Canaries | None:
    """Those that the run will have: of the run that it begins with, or new ones; None for none.

    Raises UserError where no attack on the model could be tried, or they would be more than the data.
    """
    start = start_run(request)
    kept = None if start is None else Canaries.of(start)
    if kept is not None:
        if request.canaries is not None and request.repeat is None:
            raise UserError(f"'{start.name}' has canaries, and they are learned on.", "Leave --canaries out.")
        return kept
    if request.canaries is None:
        return None
    if not getattr(made_by, "can_have_canaries", False):
        plural = MODALITIES.load(examples.modality).plural
        raise UserError(
            f"There is no attack by canaries on a {request.model} of {plural}.",
            f"Leave --canaries out, or use {able('can_have_canaries')}.",
        )
    if request.canaries > examples.most_canaries:
        raise UserError(
            f"{request.canaries:,} canaries would be more than all the data.",
            f"Ask for fewer, such as --canaries {max(LEAST, examples.most_canaries // 10)}.",
        )
    return Canaries.made(examples, request.canaries, DEFAULT_SEED if request.seed is None else request.seed)


def _write(request: FitRequest, wanted: str, content: tuple[Any, ...]) -> Run:
    """The run's folder, under the name that the user gave, or `wanted` or the next free one."""
    try:
        if not request.output:
            run = Run.create_numbered(wanted, *content)
            if run.name != wanted:
                _say_what_could_go_on(wanted)
            return run
        path = locate(request.output)
        with contextlib.suppress(FileExistsError):  # by now
            return Run.create(path, *content)
    except OSError as error:
        raise Failure(
            f"The run can't be written: {error.strerror or error}.", "Make room, or name another folder with -o."
        ) from error
    check_free(path)
    raise FileExistsError(path)


def _data_record(
    request: FitRequest, source: Any, examples: "Examples", settings: dict[str, Any], repeated: Run | None
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Data that was passed in memory as a file for the run, by its name, and what run.json says of the data."""
    kept, facts = {}, {"settings": settings, "fingerprint": examples.fingerprint, "count": len(examples)}
    own = repeated and repeated.record["data"].get("file")
    if own and isinstance(request.data, str) and request.data == repeated.data_source():
        kept = {own: (repeated.path / own).read_bytes()}
        return kept, {"source": repeated.record["data"]["source"], "path": None, "file": own, **facts}
    if not isinstance(source, str):
        kept = dict([MODALITIES.load(examples.modality).keep_in_memory(examples, request.data)])
    return kept, {**_source(source, examples, kept), **facts}


def _as_fitted_at_once(request: FitRequest) -> FitRequest:
    """The request for a model that takes no time to plan. Raises UserError where it should be measured on the way."""
    if request.evaluate_every is not None:
        raise UserError(
            f"A {request.model} is fitted at once, so there is nothing to measure on the way.",
            "Leave --evaluate-every out; tfgen evaluate measures it afterwards.",
        )
    return request if request.steps else dataclasses.replace(request, steps=1)


def _as_repeated(request: FitRequest, run: Run) -> FitRequest:
    """The request that gives another run's weights once more. Raises UserError where it isn't known what was done."""
    record = run.record
    if request.model is not None and request.model != record["model"]:
        raise UserError(f"'{run.name}' is a {record['model']}, not a {request.model}.", "Leave the model out.")
    if not record.get("steps"):
        raise UserError(f"'{run.name}' was stopped before its steps were planned.", "Resume it, or begin a new run.")
    if "privacy" in record and not request.anew:
        raise UserError(
            f"'{run.name}' is private: its noise isn't kept, so nobody can do the same once more.",
            "Begin a new run with --private; what both spend adds up.",
        )
    start, earlier = record.get("start", {}), config.earlier(class_of(run, open_codec(run).representation).Config)
    return dataclasses.replace(
        request,
        model=record["model"],
        data=run.data_source() if request.data is None else request.data,
        size=record.get("size"),
        steps=record["steps"],
        seed=record["seed"],
        settings={**earlier, **record["config"], **record["data"].get("settings", run.data_settings())},
        evaluate_every=record.get("evaluate_every"),
        patience=record.get("patience"),
        start=start.get("run") or start.get("preset"),
        lora=None if start.get("run") else start.get("lora") or None,  # a run goes on with its own
        private=Account.from_json(record["privacy"]).asked if "privacy" in record else None,
        canaries=made_and_planted(run)[0] // 2 if "canaries" in record else None,
    )


def _take_over(record: dict[str, Any], run: Run) -> None:
    """Adds to a repeat's record what it has of its run. Raises UserError where it would not end in the same bytes."""
    if record["data"]["fingerprint"] != run.record["data"]["fingerprint"]:
        raise _changed("data")
    if record.get("start", {}).get("digest") != run.record.get("start", {}).get("digest"):
        raise _changed("run" if "run" in record["start"] else "preset")
    if run.record["environment"] != environment():
        say(_OTHER_MACHINE)
    record["lineage"] = {**(record["lineage"] or {}), "repeat": run.name}
    if "shortened" in run.record:
        record["shortened"] = run.record["shortened"]


def _changed(what: str) -> UserError:
    return UserError(f"The {what} has changed since the run began.", "Put it back as it was, or begin a new run.")


def _say_what_could_go_on(name: str) -> None:
    """Says where an unfinished fit has the name that a new run would have had."""
    with contextlib.suppress(UserError):
        run = Run.open(name)
        with files.locked(run.path):  # else a process is at work on it
            if run.record["status"] not in ("finished", "failed"):
                say(f"A new run begins; '{name}', which is not finished, goes on with: {run.resume_command}")


def _record(request: FitRequest, settings: Any, examples: "Examples") -> dict[str, Any]:
    """What run.json says of a fit that is about to begin, but for its data."""
    return {
        "model": request.model,
        "modality": examples.modality,
        "status": "started",
        "seed": DEFAULT_SEED if request.seed is None else request.seed,
        "steps": request.steps or 0,
        "minutes": None if request.steps else request.minutes or DEFAULT_MINUTES,
        "evaluate_every": request.evaluate_every,
        "patience": request.patience,
        "config": dataclasses.asdict(settings),
        "environment": environment(),
        "lineage": None,
    }


def resume_run(request: FitRequest, held: contextlib.ExitStack) -> Beginning:
    """An earlier run, locked for as long as `held` is, and its data, which must not have changed."""
    run = Run.open(request.output) if request.output else _newest_unfinished(request)
    held.enter_context(files.locked(run.path))
    run = Run.open(str(run.path))  # as it is now that nobody else is at work on it
    if run.record["model"] != request.model:
        raise UserError(
            f"'{run.name}' is a {run.record['model']}, not a {request.model}.", "Resume it by its own name."
        )
    if request.chosen():
        raise UserError(
            "A resumed fit keeps the settings that it began with.",
            "Leave the settings out, or begin a new run with -o.",
        )
    if run.record["status"] == "failed":
        raise UserError(
            f"'{run.name}' failed, and would fail again: {run.record['problem']}",
            "Begin a new run with other settings.",
        )
    if run.record["status"] == "finished":
        raise UserError(
            f"'{run.name}' is finished.", "Begin a new run for more steps: the schedules end with the last."
        )
    stored = run.record["data"]
    source = run.data_source() if request.data is None else request.data
    examples = _open(source, run.data_settings(), open_codec(run).representation, request.labels)
    if examples.fingerprint != stored["fingerprint"]:
        raise _changed("data")
    if "privacy" in run.record:
        examples = examples.under(open_codec(run))
    canaries = Canaries.of(run)
    if canaries is not None:
        examples = canaries.among(examples)
    if run.record["environment"] != environment():
        say(_OTHER_MACHINE)
    if run.version != BASE:
        say(f"The version '{run.version}' is no longer in use: it was learned for the weights as they were.")
        run.update(version=None)
    return Beginning(run, examples, time.monotonic())


def _newest_unfinished(request: FitRequest) -> Run:
    runs = [
        run
        for run in all_runs()
        if run.record["model"] == request.model and run.record["status"] not in ("finished", "failed")
    ]
    if request.data is not None and not isinstance(request.data, str):
        runs = [run for run in runs if "file" in run.record["data"]]  # its fingerprint tells whether it is the same
    elif request.data is not None:
        names = (request.data, os.path.abspath(str(request.data)))
        runs = [run for run in runs if run.record["data"]["source"] in names or run.record["data"]["path"] in names]
    if not runs:
        raise UserError("There is no unfinished run to resume.", "Name one with -o; see them with: tfgen runs list")
    return runs[-1]


def _open(source: Any, settings: dict[str, Any], representation: str, labels: Any) -> "Examples":
    """The examples in a representation, where the data has it."""
    return open_data(source, labels=labels, representation=representation, **settings, progress=Preparation().show)


def _source(data: Any, examples: "Examples", kept: dict[str, bytes]) -> dict[str, str | None]:
    """The source as typed, and where it is, should the command be repeated from another folder; of data in memory,
    the run's own file of it."""
    if kept:
        return {"source": examples.source, "path": None, "file": next(iter(kept))}
    path = os.path.abspath(data) if data not in DATASETS and os.path.exists(data) else None
    return {"source": data, "path": path}


def _check_representation(name: str, examples: "Examples") -> None:
    """Raises UserError where the model can't learn such examples."""
    if examples.representation in representations_of(name):
        return
    modalities = MODALITIES.all()
    learned = [each.plural for each in modalities if set(each.representations) & set(representations_of(name))]
    found = MODALITIES.load(examples.modality).plural
    able = [each for each in MODELS if examples.representation in representations_of(each)]
    command = fit_command(able[0], [examples.source], [])
    raise UserError(f"A {name} learns {' or '.join(learned)}, and '{examples.source}' is {found}.", f"Use: {command}")
