"""A run, and what people said of its samples, to a new version of its model."""

from dataclasses import replace
from typing import Any

from tfgen import checkpoints, versions
from tfgen.catalog import ENGINES, MODALITIES
from tfgen.console import command_line, say
from tfgen.errors import Failure, UserError
from tfgen.feedback.preferences import preferences_of
from tfgen.restore import open_codec
from tfgen.run import BASE, Run
from tfgen.trust.energy import Meter, energy_of
from tfgen.tuning import STRENGTHS, Tuner, TuneRequest


def open_tuner(run: Run, request: TuneRequest, store: Any, who: str | None = None) -> Tuner:
    """What will learn from all that was said of a run's samples, of every version. Needs no TensorFlow.

    Args:
        who: learn from this person alone.

    Raises:
        UserError: too little was said, or the request can't work.
    """
    if request.name is not None:
        versions.check_name(run, request.name)
    codec = open_codec(run)
    engine = f"tune/{codec.representation}"
    if engine not in ENGINES:
        modality = MODALITIES.load(run.record["modality"])
        raise UserError(
            f"A model of {modality.plural} doesn't learn from ratings.",
            f"Fit it on {modality.samples[1]} that are as they should be, or ask for them with {modality.asked_by}.",
        )
    return ENGINES.load(engine)(run, preferences_of(store, run, who), codec, request)


def tune(tuner: Tuner) -> versions.Version:
    """The new version; in use where nothing speaks against it.

    It is learned anew for the weights that the fit ended with, from all that was said so far, never on top of another
    version; its parent is the version that it takes the place of.

    Raises:
        UserError: what was said is not predicted better than by chance.
        Failure: the run was fitted further meanwhile.
    """
    run, request, began = tuner.run, tuner.request, checkpoints.newest_name(tuner.run.checkpoints)
    say(tuner.plan())
    with Meter() as meter:
        outcome = tuner.tune()
    fitted = energy_of(run.record)
    energy = replace(meter.spent(), carbon=fitted and fitted.carbon)  # as the fit was told
    if checkpoints.newest_name(run.checkpoints) != began:
        raise Failure(f"'{run.name}' was fitted further meanwhile, so this version is of no use.", "Tune again.")
    tried = outcome.held_out
    facts = {
        "kind": "tuned",
        **outcome.facts,
        "strength": request.strength,
        "seed": request.seed,
        "watermark": tuner.preferences.watermark,
        "held_out": tried and {
            "right": tried.right, "count": tried.count, "accuracy": round(tried.accuracy, 4), "p_value": tried.p_value
        },
        "win_rate": outcome.win_rate and [round(each, 4) for each in outcome.win_rate],
        "before": _rounded(outcome.before),
        "after": _rounded(outcome.after),
        "concerns": list(outcome.concerns),
        "energy": energy.to_json(),
    }
    say(f"Energy: {energy.in_words()}")
    if outcome.win_rate and outcome.win_rate[0] < 0.5:
        facts["concerns"].append(f"By answers that it did not learn from, {run.version} is liked better.")
    version = versions.create(run, request.name, outcome.arrays, facts)
    if facts["concerns"]:
        for concern in facts["concerns"]:
            say(concern)
        use = command_line("runs", "revert", run.name, version.name)
        say(f"So '{version.name}' is kept apart. To use it all the same: {use}")
    else:
        versions.use(run, version.name)
    return version


def strength_of(value: str | float) -> float:
    """low, medium, high or a number. Raises UserError for anything else."""
    if value in STRENGTHS:
        return STRENGTHS[value]
    try:
        return float(value)
    except ValueError:
        words = ", ".join(STRENGTHS)
        raise UserError(f"'{value}' is no strength.", f"Choose {words}, or a number such as 1.") from None


def revert(run: Run, name: str | None = None) -> str:
    """Puts another version of a run into use, by default the one before, and gives its name; nothing is deleted.

    Raises:
        UserError: there is no such version, or none before.
    """
    if name is None:
        used = run.record.get("version") or BASE
        if used == BASE:
            show = command_line("runs", "show", run.name)
            raise UserError(f"'{run.name}' is as its fit left it.", f"See its versions: {show}")
        name = versions.find(run, used).record.get("parent") or BASE
    versions.use(run, name)
    return name


def _rounded(values: Any) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}
