"""What the user asked of an evaluation, checked before anything heavy is loaded."""

from dataclasses import dataclass

from tfgen.catalog import EXTRACTORS, METRICS
from tfgen.errors import UserError, unknown
from tfgen.representations import ARRAYS, ROWS
from tfgen.trust.energy import check_carbon, watts_per_core

LEAST_COUNT = 20


@dataclass(frozen=True)
class EvaluateRequest:
    """None means not said."""

    holdout: str | None = None
    metrics: tuple[str, ...] = ()
    count: int | None = None
    extractor: str | None = None
    seed: int = 0
    target: str | None = None  # of rows: the column that is predicted
    carbon: float | None = None  # grams of CO2 for a kilowatt-hour; by default what the run's fit was told


def metrics_of(representation: str, modality: str) -> dict[str, str]:
    """What users type for the metrics that a run may have, and their entries in the catalog."""
    found = {}
    for prefix in (representation, modality):
        found.update({name.partition("/")[2]: name for name in METRICS if name.startswith(f"{prefix}/")})
    return found


def check(request: EvaluateRequest, representation: str, modality: str) -> None:
    """Raises UserError where the request can't work for runs of the representation and the modality."""
    check_carbon(request.carbon)
    watts_per_core()
    if request.extractor is not None:
        if representation != ARRAYS:
            raise UserError(f"No extractor is needed to judge {representation}.", "Leave --extractor out.")
        if request.extractor not in EXTRACTORS:
            raise unknown("extractor", request.extractor, EXTRACTORS)
    if request.target is not None and representation != ROWS:
        raise UserError("Only rows have a column to predict.", "Leave --target out.")
    metrics = metrics_of(representation, modality)
    for name in request.metrics:
        if name not in metrics:
            raise unknown("metric", name, metrics)
    if request.count is not None and not LEAST_COUNT <= request.count <= 10**7:
        raise UserError(
            f"{request.count} samples can't be scored.", f"Give -n a number from {LEAST_COUNT} to 10000000."
        )
    if not 0 <= request.seed < 2**30:
        raise UserError(f"The seed {request.seed} is out of range.", "Choose one from 0 to 1073741823.")
