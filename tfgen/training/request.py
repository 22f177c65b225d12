"""What a user asks of a fit, and whether it can be had. Imports nothing heavy."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen.catalog import MODALITIES, MODELS, PRESETS, config_class, representations_of
from tfgen.config import check_size, data_settings, make_config, split_settings
from tfgen.console import command_line
from tfgen.data.sources import representation_for
from tfgen.errors import UserError, unknown
from tfgen.restore import open_codec
from tfgen.run import Run, locate
from tfgen.trust import canaries
from tfgen.trust.energy import check_carbon, watts_per_core
from tfgen.trust.privacy import Budget, check_installed

DEFAULT_MINUTES = 3.0
DEFAULT_SEED = 0
DEFAULT_SIZE = "small"
HIGHEST_RANK = 256
STRATEGIES = ("auto", "mirrored", "multiworker", "tpu")


@dataclass(frozen=True)
class FitRequest:
    """None means not said.

    model: may be left out of a repeat alone.
    settings: the model's and the data's, by name, typed or as strings.
    repeat: the name or path of a run that is done once more, to the same bytes, from its run.json.
    anew: of a repeat, that its data has changed and nothing but the settings is taken over.
    interruptible: whether Ctrl-C and a polite kill end the fit between steps; else they come where they come.
    callbacks: Keras callbacks of a caller's own.
    carbon: grams of CO2 for a kilowatt-hour of electricity.
    private: what of a budget of privacy may be spent, as Budget.parse takes it.
    strategy: one of STRATEGIES, by which several devices or processes train together; None for one.
    canaries: about how many examples that nobody has are learned among the data, to attack the model by.
    """

    model: str | None = None
    data: Any = None
    output: str | None = None
    size: str | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Any = None
    resume: bool = False
    tensorboard: bool = False
    save_every: float = 30.0
    evaluate_every: int | None = None
    patience: int | None = None
    start: str | None = None
    lora: int | None = None
    interruptible: bool = False
    callbacks: Sequence[Any] = ()
    repeat: str | None = None
    anew: bool = False
    carbon: float | None = None
    private: Any = None
    strategy: str | None = None
    canaries: int | None = None

    def chosen(self) -> bool:
        """Whether something is chosen that an earlier run has already, when that is resumed or repeated."""
        earlier = (
            self.size, self.steps, self.minutes, self.seed, self.evaluate_every, self.patience, self.start, self.lora,
            self.private, self.canaries,
        )
        return bool(self.settings) or any(value is not None for value in earlier)


def check(request: FitRequest) -> None:
    """Raises UserError where a request can't work, as far as that can be seen without data and TensorFlow."""
    check_carbon(request.carbon)
    watts_per_core()
    if request.strategy is not None and request.strategy not in STRATEGIES:
        raise unknown("strategy", request.strategy, STRATEGIES)
    if request.repeat is not None:
        _check_repeat(request)
        return
    if request.model is None:
        raise UserError("No model is named.", "Name one: " + ", ".join(f"tfgen fit {name} DATA" for name in MODELS))
    if request.model not in MODELS and os.path.exists(request.model):
        what = f"'{request.model}' is there where the name of a model is expected."
        raise UserError(what, f"Write the model first: {command_line('fit', next(iter(MODELS)), request.model)}")
    if request.model not in MODELS:
        raise unknown("model", request.model, MODELS)
    if request.output:
        locate(request.output)
    _check_horizon(request)
    _check_start(request)
    if request.private is not None:
        _check_private(request)
    if request.canaries is not None and not canaries.LEAST <= request.canaries <= canaries.MOST:
        what = f"--canaries must be between {canaries.LEAST} and {canaries.MOST}, not {request.canaries}."
        raise UserError(what, "100 show an epsilon of up to 3.5.")
    if request.size:
        check_size(request.size)
    if not request.resume:
        _check_settings(request)


def _check_private(request: FitRequest) -> None:
    """Raises UserError where a fit can't be private, as far as that can be seen without data and TensorFlow."""
    Budget.parse(request.private)
    if request.strategy == "multiworker":
        raise UserError(
            "A private fit takes one machine: between several, gradients would travel before they have their noise.",
            "Leave --strategy out, or use --strategy mirrored.",
        )
    check_installed()
    if request.evaluate_every is not None:
        raise UserError(
            "A private fit isn't measured while it learns: each look at the data would cost privacy.",
            "Leave --evaluate-every out; tfgen evaluate looks at it afterwards.",
        )
    if request.start is not None and not request.resume:
        raise UserError(
            "A private fit begins with random weights: what others learned may know the same people.",
            "Leave --from or --private out.",
        )


def _check_repeat(request: FitRequest) -> None:
    if request.resume:
        raise UserError("--repeat and --resume are both given.", "Give one of them.")
    if request.chosen():
        raise UserError("A repeat has the settings of the run that it repeats.", "Leave the settings out.")
    if request.model is not None and request.model not in MODELS:
        raise unknown("model", request.model, MODELS)
    Run.open(request.repeat)


def check_length(minutes: float | None, steps: int | None) -> None:
    """Raises UserError where something can't learn for so long."""
    if minutes is not None and steps is not None:
        raise UserError("Both --minutes and --steps are given.", "Give one of them.")
    if steps is not None and not 0 < steps <= 10**9:
        raise UserError(f"--steps must be between 1 and 1000000000, not {steps}.", "Give another number.")
    if minutes is not None and not 0 < minutes < 10**6:
        what = f"--minutes must be above 0, and below a million, not {minutes:g}."
        raise UserError(what, "Give one such as 5.")


def _check_horizon(request: FitRequest) -> None:
    """Raises UserError where the minutes, steps or seed are out of range; needs no TensorFlow."""
    check_length(request.minutes, request.steps)
    if request.evaluate_every is not None and request.evaluate_every < 1:
        what = f"--evaluate-every must be at least 1 step, not {request.evaluate_every}."
        raise UserError(what, "Give one such as 500.")
    if request.patience is not None and (request.patience < 1 or request.evaluate_every is None):
        raise UserError(
            f"--patience {request.patience} has nothing to count.", "Give at least 1, and --evaluate-every with it."
        )
    if request.seed is not None and not 0 <= request.seed < 2**31:
        raise UserError(f"The seed {request.seed} is out of range.", "Choose one from 0 to 2147483647.")


def _check_settings(request: FitRequest) -> None:
    """Raises UserError where a setting is unknown or out of its range, as far as the model's own are known here."""
    run = start_run(request)
    from_preset = request.start is not None and (run is None or "preset" in run.record.get("start", {}))
    settings_class = config_class(request.model, representation_of(request))
    if settings_class is None or from_preset:
        return
    own, of_data = split_settings(request.settings, settings_class)
    config = make_config(settings_class, request.size or DEFAULT_SIZE, own)
    if run is None and getattr(config, "freeze", 0):
        raise UserError("There is nothing yet to leave as it is.", "Name a run with --from, or leave freeze out.")
    for key, value in of_data.items():
        checks = [modality.settings[key].check for modality in MODALITIES.all() if key in modality.settings]
        if len(checks) == 1 and value is not None:
            checks[0](value)


def representation_of(request: FitRequest) -> str:
    """In which representation the data will be learned. Raises UserError where there is no such data."""
    learned, run = representations_of(request.model), start_run(request)
    if run is not None:
        return open_codec(run).representation
    is_open = request.data is not None and request.start is None  # a preset is of one
    of_data = [name for name, value in request.settings.items() if name in data_settings() and value is not None]
    return representation_for(request.data, learned, of_data) if is_open else learned[0]


def start_run(request: FitRequest) -> Run | None:
    """The run that a fit begins with; None where it begins with something else."""
    if request.start is None:
        return None
    try:
        return Run.open(request.start)
    except UserError:
        # No run has this name, or it is damaged.
        if request.model not in PRESETS or (locate(request.start) / "run.json").is_file():
            raise
        return None


def _check_start(request: FitRequest) -> None:
    """Raises UserError where there can't be such a start; needs no TensorFlow."""
    if request.resume:
        return
    if request.start is None:
        if request.lora is not None:
            raise UserError("--lora has no weights to stand beside.", "Name a pre-trained start with --from PRESET.")
        return
    start_run(request)
    if request.size is not None:
        raise UserError("--size and --from are both given.", "Leave out --size: what --from names has its own.")
    if request.lora is not None and not 1 <= request.lora <= HIGHEST_RANK:
        what = f"--lora must be between 1 and {HIGHEST_RANK}, not {request.lora}."
        raise UserError(what, "Give a rank such as 8.")
