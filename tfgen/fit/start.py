"""What a fit begins with: chance alone, or a preset that others trained. The rest of a fit needs not know which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tfgen import config
from tfgen.catalog import MODELS, STARTS
from tfgen.errors import UserError

if TYPE_CHECKING:
    from tfgen.fit.begin import FitRequest

HIGHEST_RANK = 256
DEFAULT_SIZE = "small"


@dataclass(frozen=True)
class Start:
    """A fit's beginning, before there is a run.

    model_class: what is trained.
    defaults: of its settings, where they are not the class's own.
    data: settings of the data that come with it.
    """

    model_class: type
    defaults: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, overrides: Mapping[str, Any], size: str) -> Any:
        """The model's config. Raises UserError for values that can't work."""
        return config.make_config(self.model_class.Config, size, dict(overrides))

    def widen(self, examples: Any) -> Any:
        """The examples, with what the start brings of knowledge beside them."""
        return examples

    def record(self, size: str) -> dict[str, Any]:
        """Its part of run.json."""
        return {"size": size}

    def files(self, model: Any, record: dict[str, Any]) -> dict[str, Any]:
        """Its files of the run, by name, for a model that was just made; adds to the record what is said of them."""
        return {}


def open_start(request: "FitRequest") -> Start:
    """The start that was asked for. Raises UserError where it can't be had."""
    if request.start is None:
        return Start(MODELS.load(request.model))
    return STARTS.load(request.model)(request.start, request.lora or 0)


def check_start(request: "FitRequest") -> None:
    """Raises UserError where there can't be such a start; needs no TensorFlow."""
    if request.resume:
        return
    if request.start is None:
        if request.lora is not None:
            raise UserError("--lora has no weights to stand beside.", "Name a pre-trained start with --from PRESET.")
        return
    if request.model not in STARTS:
        able = " or ".join(STARTS)
        raise UserError(f"A {request.model} has no pre-trained start.", f"Leave out --from, or fit a {able}.")
    if request.size is not None:
        raise UserError("--size and --from are both given.", "Leave out --size: a preset has its own.")
    if request.lora is not None and not 1 <= request.lora <= HIGHEST_RANK:
        raise UserError(f"--lora {request.lora} can't be a rank.", f"Give one from 1 to {HIGHEST_RANK}, such as 8.")


def check_overrides(overrides: Mapping[str, Any], data_overrides: Mapping[str, Any], start: Start) -> None:
    """Raises UserError where a setting is the start's to choose."""
    fixed = getattr(start.model_class.Config, "fixed", ())
    for key in [*overrides, *data_overrides]:
        if key in fixed or key in start.data:
            raise UserError(f"'{key}' comes with the pre-trained start.", f"Leave out --set {key}=...")
