"""What a fit begins with: random weights, an earlier run, or a preset that others trained. The rest of a fit needs not
know which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tfgen import config
from tfgen.catalog import PRESETS, model_class
from tfgen.errors import UserError
from tfgen.training.request import FitRequest, start_run


@dataclass(frozen=True)
class InitialWeights:
    """What a fit begins with, before there is a run: random weights, unless a subclass says otherwise.

    model_class: what is trained.
    defaults: of its settings, where they are not the class's own.
    data: settings of the data that come with it.
    has_network: whether it brings weights, to which some of the settings belong.
    """

    has_network: ClassVar[bool] = False

    model_class: type
    defaults: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, overrides: Mapping[str, Any], size: str, examples: Any = None) -> Any:
        """The model's config, as it suits the examples. Raises UserError for values that can't work."""
        suited = getattr(self.model_class.Config, "suited", None)
        own = {} if suited is None or examples is None else suited(examples.codec.specification, size)
        return config.make_config(self.model_class.Config, size, {**own, **overrides})

    def widen(self, examples: Any) -> Any:
        """The examples, with what the start knows beside them."""
        return examples

    def kept(self) -> dict[str, Any]:
        """Those of `data` that a run keeps among the settings of its data; the others are files of its own."""
        return {}

    def record(self, size: str) -> dict[str, Any]:
        """Its part of run.json."""
        return {"size": size}

    def files(self, model: Any, examples: Any, record: dict[str, Any]) -> dict[str, Any]:
        """Its files of the run, by name, for a model that was just made for the widened examples; adds to the record
        what is said of them."""
        return {}


def open_initial_weights(request: FitRequest, representation: str) -> InitialWeights:
    """The weights to begin with that were asked for, of a model that learns a representation.

    Raises UserError where they can't be had.
    """
    run = start_run(request)
    if run is not None:
        if model_class(request.model, representation).fitted_at_once:
            raise UserError(
                f"A {request.model} is fitted to all of its data at once, so it has nothing to begin with.",
                "Leave --from out.",
            )
        from tfgen.training.start_run import open_run

        return open_run(run, request)
    if request.start is not None:
        return PRESETS.load(request.model)(request.start, request.lora or 0)
    return InitialWeights(model_class(request.model, representation))


def check_overrides(overrides: Mapping[str, Any], data_overrides: Mapping[str, Any], weights: InitialWeights) -> None:
    """Raises UserError where a setting is the start's to choose."""
    config_class = weights.model_class.Config
    names = [*getattr(config_class, "fixed", ()), *getattr(config_class, "architecture", ())]
    fixed = names if weights.has_network else []
    for key in [*overrides, *data_overrides]:
        if key in fixed or key in weights.data:
            raise UserError(f"'{key}' comes with what --from names.", f"Leave out --set {key}=...")
