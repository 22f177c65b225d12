"""What can be measured, one file each: a pure function whose parameters name the inputs that it needs.

Everything that there may be to ask for, by name; a metric that asks for something that a run can't give is left out.

Of arrays:

    real, generated             features float [n, d]: of training examples, and of samples
    asked, recognised           int [n]: the place of the prompt that a sample was made for, and of the one recognised
    real_prompts                int [n]: the places of the real examples' prompts
    generated_nearest           float [n, 2]: distances of samples to the two nearest training examples
    unseen_nearest              float [m, 2]: the same for real examples that are not among those
    real_judged_by_eye, generated_judged_by_eye  float [m]: as real_judged, with noise over both
    log_weights                 float [m, draws]: a variational model's log p(x, z) - log q(z | x), unseen examples
    reconstruction_errors       float [m]: root mean squared error of each unseen example's reconstruction
    latent_kl                   float [m, latent_dim]: nats that each latent tells of each unseen example

Of sounds, beside those:

    generated_harmonicity, generated_silence, generated_clipping  float [n]: shares of each (metrics/sound.py)

Of sequences; an example is a document, and units are characters in text:

    sample_words                int [n, most]: the words of each sample as numbers; -1 behind its end
    matches                     int [n]: characters of the longest piece of a sample that stands in what was learned,
                                of samples that aren't empty
    windows                     int [n, 2]: pieces of 50 characters that each of these has, and those that stand there
    unseen_texts                float [m, 3]: nats, tokens and units of each piece that it never saw
    training_texts              float [m, 3]: the same of pieces of what was learned

Of rows; a table is a structured array with a field for each column (metrics/resemblance.py):

    real_rows, generated_rows   tables [n]: of rows that were learned, and of samples
    unseen_told, generated_told  float [m]: how sure boosting that learned from others is that a held-out row is a
                                sample; the same of samples
    unseen_predictions, unseen_augmented  structured [m]: what boosting that learned samples, real rows or both says of
                                held-out rows (metrics/usefulness.py)
    training_apart, unseen_apart  float [m]: the distances of rows to the nearest sample
    training_guessed, unseen_guessed  float [m]: the share of each row's cells that are guessed from the nearest sample
    predicates, of_several      bool [k, 2 m]: whether what is true of one sample alone is true of each of m learned
                                rows, and of m others; bool [k]: whether it is of several columns
    are_copies                  bool [n]: whether a sample is a learned row again, in every cell
    training_nats, unseen_nats  float [m]: minus the model's log-likelihood of each row

Of sets of items; some items of each held-out set are given, and all others are ranked (metrics/ranking.py):

    target_ranks                int [m, most]: the places of what was to be guessed, from 0; -1 behind them
    ease_ranks, nearest_ranks, popular_ranks  the same of EASE, of nearest items and of the commonest
    suggested_shares            float [m, 20]: the share of learned sets that have each of the first suggestions
    wanted_shares               float [m]: the mean of it over what was to be guessed
    ever_suggested              bool [items]: whether each item is among the first suggestions of anybody
    reference_lifts, sample_lifts  float [k]: logarithms of the lifts of common pairs in learned sets, and in invented
                                ones

Of all:

    real_judged                 float [m]: how sure a classifier is that a training example is a sample; it was taught
                                to tell them apart by others
    generated_judged            float [m]: the same of samples
    training_scores             float [m]: how at home a training example is in the model
    unseen_scores               float [m]: the same for examples that it never saw

    canaries                    structured [m]: of each canary how well the model knows it, whether it learned it, and
                                the delta of what was promised (metrics/canaries.py)

Prompts that the run doesn't know have the place -1, and don't count. Without held-out examples, log_weights,
reconstruction_errors and latent_kl are of training examples. A new metric is a file here and a line in catalog.METRICS.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

REAL = "near real"  # what is better, where both more and less than real examples have are worse
MOST_PAIRED = 50_000  # rows of which every pair is compared: minutes of work, and no more

Inputs = Mapping[str, np.ndarray]
Function = Callable[..., dict[str, float]]


@dataclass(frozen=True)
class Metric:
    """A pure function from its inputs to scores, and how to read them."""

    function: Function
    scores: Mapping[str, str]  # each score's name, and what is better: "lower", "higher", "near 1", REAL
    least: int = 2  # rows that each input must have
    most: int | None = None  # rows that are looked at, where the work grows with their square
    mean_of_rows: bool = True  # nearly; a distance between two distributions is not
    depends_on: str | None = None  # what of record.MeasuredWith must be alike for these scores, if not for all
    half_widths: Function | None = None  # of 95 % intervals, where it knows better; of the same inputs
    rows: str = "samples and as many real examples"  # what there must be at least so many of

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of the inputs that it takes."""
        return tuple(inspect.signature(self.function).parameters)

    def __call__(self, inputs: Inputs) -> dict[str, float]:
        """The scores, from inputs that may hold more than is needed.

        Not-a-number where there is too little of them, or where they are no numbers themselves: comparisons with those
        are all false, which would look like a score of 0 or of chance.
        """
        taken = self.taken(inputs)
        if any(len(each) < self.least or not are_numbers(each) for each in taken.values()):
            return dict.fromkeys(self.scores, math.nan)
        return self.function(**taken)

    def taken(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """What it looks at."""
        return {name: inputs[name][: self.most] for name in self.needs}


def are_numbers(values: np.ndarray) -> bool:
    """Whether all values can be compared and added up; minus infinity may be the logarithm of 0."""
    return values.dtype.kind != "f" or bool(np.all(values < np.inf))


def metric(
    least: int = 2,
    most: int | None = None,
    mean_of_rows: bool = True,
    depends_on: str | None = None,
    half_widths: Function | None = None,
    rows: str = Metric.rows,
    **scores: str,
) -> Callable[[Function], Metric]:
    """Makes a function a Metric: `@metric(precision="higher", recall="higher")`."""
    return lambda function: Metric(function, scores, least, most, mean_of_rows, depends_on, half_widths, rows)
