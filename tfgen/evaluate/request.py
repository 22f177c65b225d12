"""What the user asked of an evaluation, checked before anything heavy is loaded."""

from dataclasses import dataclass

from tfgen.catalog import EXTRACTORS, METRICS
from tfgen.errors import UserError, unknown

DEFAULT_COUNT = 10_000
LEAST_COUNT = 20


@dataclass(frozen=True)
class EvaluateRequest:
    """None means not said."""

    holdout: str | None = None
    metrics: tuple[str, ...] = ()
    count: int | None = None
    extractor: str | None = None
    seed: int = 0


def check(request: EvaluateRequest) -> None:
    """Raises UserError where the request can't work."""
    extractors = [entry.rpartition("/")[2] for entry in EXTRACTORS]
    if request.extractor is not None and request.extractor not in extractors:
        raise unknown("extractor", request.extractor, extractors)
    for name in request.metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
    if request.count is not None and not LEAST_COUNT <= request.count <= 10**7:
        raise UserError(
            f"{request.count} samples can't be scored.", f"Give -n a number from {LEAST_COUNT} to 10000000."
        )
    if not 0 <= request.seed < 2**30:
        raise UserError(f"The seed {request.seed} is out of range.", "Choose one from 0 to 1073741823.")
