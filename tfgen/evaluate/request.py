"""What the user asked of an evaluation, checked before anything heavy is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

from tfgen.catalog import EXTRACTORS, METRICS
from tfgen.errors import UserError, unknown

LEAST_COUNT = 20


@dataclass(frozen=True)
class EvaluateRequest:
    """None means not said."""

    holdout: str | None = None
    metrics: tuple[str, ...] = ()
    count: int | None = None
    extractor: str | None = None
    seed: int = 0


def names_behind(catalog: Mapping[str, str], modality: str) -> list[str]:
    """What users type for the entries of a modality: what stands behind its prefix."""
    return [name.removeprefix(f"{modality}/") for name in catalog if name.startswith(f"{modality}/")]


def check(request: EvaluateRequest, modality: str) -> None:
    """Raises UserError where the request can't work for runs of the modality."""
    extractors, metrics = names_behind(EXTRACTORS, modality), names_behind(METRICS, modality)
    if request.extractor is not None and not extractors:
        raise UserError(
            f"No extractor is needed to judge a model of the modality '{modality}'.", "Leave --extractor out."
        )
    if request.extractor is not None and request.extractor not in extractors:
        raise unknown("extractor", request.extractor, extractors)
    for name in request.metrics:
        if name not in metrics:
            raise unknown("metric", name, metrics)
    if request.count is not None and not LEAST_COUNT <= request.count <= 10**7:
        raise UserError(
            f"{request.count} samples can't be scored.", f"Give -n a number from {LEAST_COUNT} to 10000000."
        )
    if not 0 <= request.seed < 2**30:
        raise UserError(f"The seed {request.seed} is out of range.", "Choose one from 0 to 1073741823.")
