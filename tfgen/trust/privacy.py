"""Differential privacy in numbers: what was asked for, how much noise that takes, and how much has been spent.

A fit is (epsilon, delta)-differentially private if no example, added or taken away, makes any outcome more than
e^epsilon times as likely, but for outcomes of probability delta (Dwork et al. 2006). Fits get there by DP-SGD (Abadi et
al. 2016): each step is a Gaussian mechanism on a Poisson sample of the examples; what is learned of columns before the
first step is another. What they spend together is found from their privacy losses' distribution (Sommer et al. 2019;
Doroshenko et al. 2022), which `dp-accounting` computes. Or they count marginals with noise (McKenna et al. 2021). What
the exponential mechanism spends has no one distribution, so these are composed by Renyi divergences (Mironov 2017).
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

from tfgen import files
from tfgen.arguments import plain
from tfgen.data.prepared import cache_folder
from tfgen.errors import Failure, UserError, unknown

NOT_INSTALLED = (
    "What privacy costs is counted by dp-accounting, which is not installed.", "pip install 'tfgen[privacy]'"
)
DEFAULT_DELTA = 1e-5
_LOWEST, _HIGHEST = 0.01, 100.0  # epsilon
_FORM = "Write it as epsilon=3, or epsilon=3,delta=1e-5,clip=1."
_NORMAL = NormalDist()
_RELEASE_SHARE = 0.1  # of the budget, in squares of Gaussian DP's mu (Dong et al. 2022), which add up
_RELEASE_DELTA = 0.1  # of delta
_FINE, _COARSE = 1e-4, 1e-3  # intervals of privacy losses: the first is what is told, the second what is searched with
_CLOSE = 1e-3  # of epsilon, that may be left over
# Of what a fit by marginals spends, in squares of 1 / noise multiplier, which add up as zero-concentrated DP does (Bun
# & Steinke 2016): for the counts of single columns, the choice of pairs, and the counts of these.
_OF_COLUMNS, _OF_CHOICE, _OF_PAIRS = 0.1, 0.1, 0.8
GRADIENTS, MARGINALS = "gradients", "marginals"  # what a fit learns by
_FALSE_POSITIVES = 0.01  # at which attacks are asked what they find
_DOUBT, _HALVINGS = 0.05, 30  # of what an audit says; and how closely it is found
_CACHE = "privacy.json"
_MOST_KEPT = 500


@dataclass(frozen=True)
class Budget:
    """What a user asks of a private fit.

    delta: None for a usual one. clip: the norm that no example's gradient exceeds.
    """

    epsilon: float
    delta: float | None = None
    clip: float = 1.0

    @classmethod
    def parse(cls, asked: "str | float | Mapping[str, Any] | Budget") -> "Budget":
        """From "epsilon=3,delta=1e-5,clip=1", a dict of these, or epsilon alone. Raises UserError where it is none."""
        if isinstance(asked, Budget):
            return asked
        asked = plain(asked)
        if isinstance(asked, bool):
            raise UserError(f"private={asked} names no epsilon.", "Give one, such as private=3, or leave it out.")
        if isinstance(asked, str):
            pairs = [part.partition("=") for part in asked.split(",") if part.strip()]
            given = {name.strip() if sign else "epsilon": (text if sign else name) for name, sign, text in pairs}
        else:
            given = dict(asked) if isinstance(asked, Mapping) else {"epsilon": asked}
        values = {}
        for name, value in given.items():
            if name not in ("epsilon", "delta", "clip"):
                raise unknown("part of --private", name, ("epsilon", "delta", "clip"))
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                raise UserError(f"--private has '{value}' where a number is expected.", _FORM) from None
        if "epsilon" not in values:
            raise UserError("--private names no epsilon.", _FORM)
        budget = cls(**values)
        if not _LOWEST <= budget.epsilon <= _HIGHEST:
            what = f"epsilon must be between {_LOWEST:g} and {_HIGHEST:g}, not {budget.epsilon:g}."
            raise UserError(what, "3 is a usual one; above 10 little is promised.")
        if budget.delta is not None and not 1e-12 <= budget.delta < 0.01:
            raise UserError(f"delta must be between 1e-12 and 0.01, not {budget.delta:g}.", "1e-5 is a usual one.")
        if not 1e-6 <= budget.clip <= 1e6:
            raise UserError(f"clip must be between 1e-6 and 1e6, not {budget.clip:g}.", "1 is a usual one.")
        return budget

    def of(self, examples: int) -> "Budget":
        """The same for so many examples. Raises UserError where delta would allow to give a whole example away."""
        if self.delta is None:
            return replace(self, delta=min(DEFAULT_DELTA, 0.5 / examples))
        if self.delta * examples >= 1:
            raise UserError(
                f"With a delta of {self.delta:g}, one of the {examples:,} examples could be given away.",
                f"Set it well below 1/{examples}, such as delta={0.1 / examples:.0e}.",
            )
        return self


@dataclass(frozen=True)
class Release:
    """What of the budget goes into what is learned before the first step, such as bins and categories.

    noise_multiplier: standard deviation of the noise, in sensitivities of all that is released together.
    delta: the probability that something is released that a single example has.
    """

    noise_multiplier: float
    delta: float

    @classmethod
    def of(cls, budget: Budget) -> "Release":
        whole = gaussian_noise(budget.epsilon, budget.delta)
        return cls(whole / math.sqrt(_RELEASE_SHARE), _RELEASE_DELTA * budget.delta)


@dataclass(frozen=True)
class MarginalNoise:
    """How a fit by marginals spends what a Gaussian mechanism of one noise multiplier would.

    of_columns, of_pairs: deviations of the noise of each count of a column, and of each of a pair's, in rows.
    epsilon_of_choice: of each choice of a pair.
    """

    of_columns: float
    of_pairs: float
    epsilon_of_choice: float

    @classmethod
    def of(cls, noise_multiplier: float, columns: int) -> "MarginalNoise":
        """For a table of so many columns, of which one less are chosen as pairs: a row is in one count of each.

        An exponential mechanism of epsilon is epsilon^2 / 8 zero-concentrated DP (Cesar & Rogers 2021).
        """
        pairs = max(1, columns - 1)
        return cls(
            noise_multiplier * math.sqrt(columns / _OF_COLUMNS),
            noise_multiplier * math.sqrt(pairs / _OF_PAIRS),
            math.sqrt(4 * _OF_CHOICE / pairs) / noise_multiplier,
        )


@dataclass(frozen=True)
class Account:
    """A private fit in numbers, as run.json keeps it.

    epsilon, delta, clip: what was asked for.
    unit: what one example is, of which nothing is given away.
    sampling_rate: the probability of each example to be in a step's batch; examples times it are `expected_batch`.
    release: what went into what was learned before the first step; None where nothing was released so.
    noise_multiplier: standard deviation of a step's noise, in units of clip; 0 until the steps are planned. Of a fit by
        marginals, of a Gaussian mechanism that would spend as much as all that is counted and chosen.
    steps: that it was planned for.
    spent: {"steps", "epsilon"}, as far as the fit has come.
    not_covered: sentences on what else was read from the data.
    mechanism: what was learned by, steps on GRADIENTS or MARGINALS, which are counted once, before any step.
    """

    epsilon: float
    delta: float
    clip: float
    unit: str
    sampling_rate: float
    expected_batch: float
    release: Release | None = None
    noise_multiplier: float = 0.0
    steps: int = 0
    spent: Mapping[str, float] | None = None
    not_covered: tuple[str, ...] = ()
    mechanism: str = GRADIENTS

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "not_covered": list(self.not_covered)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Account":
        release = None if value["release"] is None else Release(**value["release"])
        return cls(**{**value, "release": release, "not_covered": tuple(value["not_covered"])})

    def calibrated(self, steps: int) -> "Account":
        """With as much noise as so many steps need to stay within epsilon."""
        return replace(self, steps=steps, noise_multiplier=calibrated_noise(self, steps))

    def after(self, steps: int) -> "Account":
        """With what so many steps have spent."""
        return replace(self, spent={"steps": steps, "epsilon": spent_epsilon(self, steps)})

    @property
    def asked(self) -> str:
        """What was asked for, as `Budget.parse` takes it."""
        return f"epsilon={self.epsilon:g},delta={self.delta:g},clip={self.clip:g}"

    @property
    def in_words(self) -> str:
        """"epsilon 2.99 of 3 at delta 1e-05, for each row"."""
        asked = f"at delta {self.delta:g}, for each {self.unit}"
        if self.spent is None:
            return f"at most epsilon {self.epsilon:g} {asked}"
        return f"epsilon {self.spent['epsilon']:.3g} of {self.epsilon:g} {asked}"


def highest_rate(epsilon: float, delta: float, false_positives: float) -> float:
    """The most members that any attack can find at a false positive rate: e^epsilon FPR + delta (Kairouz et al. 2015,
    theorem 2.1), and by the same bound turned round, 1 - e^-epsilon (1 - delta - FPR)."""
    first = math.exp(epsilon) * false_positives + delta
    return max(0.0, min(1.0, first, 1 - math.exp(-epsilon) * (1 - delta - false_positives)))


def highest_area(epsilon: float, delta: float) -> float:
    """The largest area under the ROC curve that any membership attack can have."""
    grid = [place / 2000 for place in range(2001)]
    rates = [highest_rate(epsilon, delta, each) for each in grid]
    return sum((one + other) / 2 for one, other in zip(rates, rates[1:])) / 2000


def chance_of_guesses(made: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """The most that so many right guesses can be likely under (epsilon, delta)-differential privacy.

    Of `made` examples each was learned or not by a coin of its own, and the attack guesses for `guesses` of them which
    way it fell. With W binomial, of so many guesses that are right with probability e^epsilon / (1 + e^epsilon), it is
    P[W >= right] + 2 made delta max_i P[right - i <= W < right] / i (Steinke, Nasr & Jagielski 2023, Privacy Auditing
    with One (1) Training Run, the theorem for (epsilon, delta)).
    """
    right_log = -math.log1p(math.exp(-epsilon))
    wrong_log, all_ways = right_log - epsilon, math.lgamma(guesses + 1)
    masses = [
        math.exp(
            all_ways - math.lgamma(each + 1) - math.lgamma(guesses - each + 1)
            + each * right_log + (guesses - each) * wrong_log
        )
        for each in range(guesses + 1)
    ]  # fmt: skip
    below = steepest = 0.0
    for number in range(1, right + 1):
        below += masses[right - number]
        steepest = max(steepest, below / number)
    return min(1.0, math.fsum(masses[right:]) + 2 * made * delta * steepest)


def audited_epsilon(made: int, guesses: int, right: int, delta: float) -> float:
    """The epsilon that is refuted at 95 % confidence, and all below it, by so many right guesses as
    `chance_of_guesses` has them; 0 where none is."""
    low, high = 0.0, _HIGHEST
    if chance_of_guesses(made, guesses, right, low, delta) >= _DOUBT:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_refuted = chance_of_guesses(made, guesses, right, middle, delta) < _DOUBT
        low, high = (middle, high) if is_refuted else (low, middle)
    return low


def attacks_in_words(account: Account, found: Mapping[str, tuple[float, float]]) -> str:
    """What epsilon allows attacks on membership, beside scores with half their intervals, which are found by name."""
    epsilon = account.spent["epsilon"] if account.spent else account.epsilon
    area, rate = highest_area(epsilon, account.delta), highest_rate(epsilon, account.delta, _FALSE_POSITIVES)
    tried = {name: found[name] for name in ("closeness", "membership") if name in found}
    words = [f"{name} {value:.2f}" for name, (value, _) in tried.items()]
    above = [name for name, (value, half) in tried.items() if value - half > area]
    if "closeness_at_1_percent" in found:
        value, half = found["closeness_at_1_percent"]
        words.append(f"{value:.1%} at 1 % false positives")
        above += ["closeness at 1 %"] if value - half > rate else []
    allowed = (
        f"Private: at epsilon {epsilon:.3g} no attack on the membership of a {account.unit} can have an AUC above "
        f"{area:.3f}, or find more than {rate:.1%} of the members at 1 % false positives"
    )
    if not words:
        return f"{allowed}; no attack was tried."
    if above:
        return f"{allowed}, but those that were tried did ({', '.join(words)}): please report it, something is wrong."
    return f"{allowed}; those that were tried are below ({', '.join(words)})."


def gaussian_noise(epsilon: float, delta: float) -> float:
    """The least noise multiplier of a single Gaussian mechanism that is (epsilon, delta)-private (Balle & Wang 2018,
    theorem 8)."""

    def excess(sigma: float) -> float:
        first, second = 0.5 / sigma - epsilon * sigma, -0.5 / sigma - epsilon * sigma
        return _NORMAL.cdf(first) - math.exp(epsilon) * _NORMAL.cdf(second) - delta

    return _root(excess, 1e-3, 1e5)


def spent_epsilon(account: Account, steps: int) -> float:
    """Epsilon at the account's delta after so many of its steps."""
    return _epsilon(account, account.noise_multiplier, steps, _FINE)


def calibrated_noise(account: Account, steps: int) -> float:
    """The noise multiplier with which so many steps stay within the account's epsilon, by hardly more than is needed.

    Found answers are kept in the cache folder, since a search takes some seconds.
    """
    release = account.release or Release(0.0, 0.0)
    key = json.dumps(
        [account.epsilon, account.delta, account.sampling_rate, steps, release.noise_multiplier, release.delta]
        + [account.mechanism] * (account.mechanism != GRADIENTS)
    )
    kept = _read_cache()
    if key not in kept:
        most = 1e5 if account.mechanism == MARGINALS else 200.0
        noise = _root(lambda sigma: _epsilon(account, sigma, steps, _COARSE) - account.epsilon, 0.2, most)
        # The coarse intervals are cautious already; what is told must hold in any case.
        while _epsilon(account, noise, steps, _FINE) > account.epsilon:
            noise *= 1.002
        kept = {**dict(list(kept.items())[-_MOST_KEPT:]), key: noise}
        files.write_json(cache_folder() / _CACHE, kept)
    return kept[key]


def _epsilon(account: Account, noise: float, steps: int, interval: float) -> float:
    accounting = _accounting()
    from dp_accounting.pld.pld_privacy_accountant import PLDAccountant
    from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant

    release, is_counted = account.release, account.mechanism == MARGINALS
    accountant = RdpAccountant() if is_counted else PLDAccountant(value_discretization_interval=interval)
    if release is not None:
        accountant.compose(accounting.GaussianDpEvent(release.noise_multiplier))
    if is_counted:
        accountant.compose(accounting.GaussianDpEvent(noise / math.sqrt(_OF_COLUMNS)))
        accountant.compose(accounting.ZCDpEvent(_OF_CHOICE / (2 * noise**2)))
        accountant.compose(accounting.GaussianDpEvent(noise / math.sqrt(_OF_PAIRS)))
    elif steps:
        step = accounting.PoissonSampledDpEvent(account.sampling_rate, accounting.GaussianDpEvent(noise))
        accountant.compose(accounting.SelfComposedDpEvent(step, steps))
    return float(accountant.get_epsilon(account.delta - (release.delta if release else 0.0)))


def check_installed() -> None:
    """Raises UserError where nothing can count what privacy costs."""
    from importlib.util import find_spec

    if find_spec("dp_accounting") is None:
        raise UserError(*NOT_INSTALLED)


def _accounting() -> Any:
    check_installed()
    import dp_accounting

    return dp_accounting


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is hardly below 0. Raises Failure where it is nowhere."""
    if falling(high) > 0:
        raise Failure("So little epsilon can't be had with so many steps.", "Ask for more, or for fewer steps.")
    while high / low > 1 + _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return high


def _read_cache() -> dict[str, float]:
    try:
        return dict(json.loads((cache_folder() / _CACHE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
