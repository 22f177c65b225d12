"""What scores mean: each one's title, plain sentence and natural scale, and numbers as people write them."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tfgen.evaluate.record import Score

_DIGITS = 3
_WORDS = ("title", "sentence")


def number(value: float) -> str:
    """Three digits that count, or all before the point; an exponent only where there is need: 0.0853, 2.79, 7,464."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{_DIGITS - 1}e}"
    places = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(places, 0)}f}".replace("-", "\N{MINUS SIGN}")


def short(value: float) -> str:
    """The same without zeros at the end, for the ticks of an axis and for what is counted."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(value: float) -> str:
    """A share of 1."""
    return f"{value:.1%}"


def _whole_percent(value: float) -> str:
    return f"{value:.0%}"


@dataclass(frozen=True)
class ScoreDescription:
    """What a score means, and between which values it can lie."""

    title: str
    sentence: str
    least: float | None = None
    most: float | None = None
    write: Callable[[float], str] = number
    logarithmic: bool = False
    usual: float | None = None  # the end of the scale, where only the beginning is fixed

    def text(self, value: float | None) -> str:
        """The value as it is shown."""
        return "-" if value is None or not math.isfinite(value) else self.write(value)

    def tick(self, value: float) -> str:
        """The same as briefly as can be."""
        return _whole_percent(value) if self.write is percent else short(value)

    def interval(self, score: Score) -> tuple[float, float] | None:
        """The ends of the score's 95 % interval, within what is possible; None where it isn't known."""
        if score.half_width is None or not math.isfinite(score.half_width):
            return None
        low, high = score.value - score.half_width, score.value + score.half_width
        return (
            low if self.least is None else max(low, self.least),
            high if self.most is None else min(high, self.most),
        )


DESCRIPTIONS = {
    "playable": ScoreDescription(
        "Playable",
        "The share of samples that can be played by the rules of the game. Random tiles often can be, too: look at the "
        "patterns and at what is broken beside it.",
        0.0,
        1.0,
        percent,
    ),
    "patterns": ScoreDescription(
        "Patterns",
        "How far the 3x3 pieces of the samples are from those of the levels that were learned, as a divergence; 0 is "
        "no difference.",
        least=0.0,
        logarithmic=True,
    ),
    "broken_structures": ScoreDescription(
        "Broken structures",
        "The share of the tiles of pipes and other things of several tiles beside which one is missing.",
        0.0,
        1.0,
        percent,
    ),
    "copied_stretches": ScoreDescription(
        "Copied stretches",
        "The share of all stretches of eight columns that stand, tile for tile, in a level that was learned.",
        0.0,
        1.0,
        percent,
    ),
    "copied_levels": ScoreDescription(
        "Copied samples", "The share of samples that stand whole in a level that was learned.", 0.0, 1.0, percent
    ),
    "new_columns": ScoreDescription(
        "New columns", "The share of columns that no level that was learned has.", 0.0, 1.0, percent
    ),
    "words_obeyed": ScoreDescription(
        "Words obeyed", "How often a sample bears out a word that it was asked for.", 0.0, 1.0, percent
    ),
    "words_gain": ScoreDescription(
        "Words, above chance",
        "How much oftener a word is borne out by samples that were asked for it than by windows of the levels that "
        "were learned, as they are.",
    ),
    "frechet_distance": ScoreDescription(
        "Fréchet distance",
        "How far the samples as a whole are from the training data, in looks and in variety at once; 0 is no "
        "difference.",
        least=0.0,
        logarithmic=True,
    ),
    "kernel_distance": ScoreDescription(
        "Kernel distance",
        "How far the samples as a whole are from the training data, by a measure that doesn't depend on how many there "
        "are; where there is no difference, chance may bring it below 0.",
        logarithmic=True,
    ),
    "precision": ScoreDescription(
        "Precision", "The share of samples that lie among real examples: how many look real.", 0.0, 1.0, percent
    ),
    "recall": ScoreDescription(
        "Recall",
        "The share of real examples that lie among the samples: how much of the data's variety is there.",
        0.0,
        1.0,
        percent,
    ),
    "density": ScoreDescription(
        "Density",
        "How deep among real examples the samples lie; 1 is as deep as real ones, more means that they keep to what is "
        "most common.",
        least=0.0,
        usual=1.25,
    ),
    "coverage": ScoreDescription(
        "Coverage",
        "The share of real examples that have a sample nearby; like recall, but no stray sample can raise it.",
        0.0,
        1.0,
        percent,
    ),
    "detectability": ScoreDescription(
        "Detectability",
        "How often a small classifier, taught with some of them, tells a sample from a real example among the others; "
        "half the time is guessing. It sees every bit, also what no eye could.",
        0.0,
        1.0,
    ),
    "detectability_to_the_eye": ScoreDescription(
        "Detectability, to the eye",
        "The same with noise of a tenth of the values' range over both: what it still sees, an eye can see too.",
        0.0,
        1.0,
    ),
    "prompt_adherence": ScoreDescription(
        "Prompt adherence", "The share of samples in which a classifier sees what was asked for.", 0.0, 1.0, percent
    ),
    "diversity": ScoreDescription(
        "Diversity",
        "How much samples of one prompt vary; 1 is as much as real examples do, less means that they are too much "
        "alike.",
        least=0.0,
        usual=1.25,
    ),
    "harmonicity": ScoreDescription(
        "Harmonicity",
        "How much of the loud moments is a tone rather than a hiss, at a voice's pitches; far below real sounds, the "
        "samples whisper.",
        0.0,
        1.0,
    ),
    "silence": ScoreDescription(
        "Silence", "The share of a sound, before its end, in which there is nothing to hear.", 0.0, 1.0, percent
    ),
    "clipping": ScoreDescription(
        "Clipping", "The share of a sound that is as loud as a file can hold, and so distorted.", 0.0, 1.0, percent
    ),
    "nearness": ScoreDescription(
        "Nearness",
        "How often a sample lies nearer to the training data than a new real example does: half the time if it is just "
        "as new; more often if it is copied or blurred, less often if it is off the data.",
        0.0,
        1.0,
    ),
    "copied": ScoreDescription(
        "Copied",
        "The share of samples that are suspiciously near to one training example; of new real examples, 1% are.",
        0.0,
        1.0,
        percent,
    ),
    "membership": ScoreDescription(
        "Membership",
        "How often the model itself can tell a training example from one that it never saw; half the time is guessing.",
        0.0,
        1.0,
    ),
    "log_likelihood_bound": ScoreDescription(
        "Log-likelihood bound",
        "How probable the model finds examples, in nats each; it can only be compared between models of the same data.",
    ),
    "reconstruction_error": ScoreDescription(
        "Reconstruction error",
        "How much of an example is lost on the way through the model and back, as a share of the values' range.",
        least=0.0,
        write=percent,
    ),
    "dead_latents": ScoreDescription(
        "Dead latents", "How many of the latent dimensions tell nothing of an example.", least=0.0, write=short
    ),
    "bits_per_character": ScoreDescription(
        "Bits per character",
        "How much unseen text still surprises the model; by character, so that it can be compared whatever the "
        "tokens are.",
        least=0.0,
        usual=4.0,
    ),
    "perplexity": ScoreDescription(
        "Perplexity",
        "Among how many tokens the model is as unsure, on average, in unseen text; can be compared where the tokens "
        "are the same.",
        least=1.0,
        logarithmic=True,
    ),
    "generalisation_gap": ScoreDescription(
        "Generalisation gap",
        "How many more bits per character unseen text costs than training text; near 0, nothing was learned by heart.",
    ),
    "distinct_1": ScoreDescription(
        "Distinct words", "Different words as a share of all in the samples; it falls with their number.", 0.0, 1.0,
        percent,
    ),
    "distinct_2": ScoreDescription(
        "Distinct pairs", "The same of two words in a row: far below real text, the samples are monotonous.", 0.0, 1.0,
        percent,
    ),
    "distinct_3": ScoreDescription(
        "Distinct triples", "The same of three words in a row; far above real text, they are no language.", 0.0, 1.0,
        percent,
    ),
    "overlap": ScoreDescription(
        "Overlap", "The share of a sample's sequences of four words that another sample has too.", 0.0, 1.0, percent
    ),
    "repetition": ScoreDescription(
        "Repetition", "The share of sequences of four words that were in the same sample before.", 0.0, 1.0, percent
    ),
    "longest_match": ScoreDescription(
        "Longest match",
        "The characters of the longest piece of a sample that stands in the training text, on average; real text has "
        "such pieces too.",
        least=0.0,
        usual=50.0,
    ),
    "longest_match_95": ScoreDescription(
        "Longest match, 95%", "The same of the sample that has more than 95 of 100.", least=0.0, usual=50.0
    ),
    "copied_windows": ScoreDescription(
        "Copied pieces", "The share of all pieces of 50 characters that stand in the training text.", 0.0, 1.0, percent
    ),
    "quality": ScoreDescription(
        "Quality", "How like the data columns and pairs of columns are: the mean of the next two.", 0.0, 1.0
    ),
    "shapes": ScoreDescription(
        "Column shapes",
        "How alike each column's values are spread; 1 is no difference. The mean over columns, as SDMetrics has it.",
        0.0,
        1.0,
    ),
    "pairs": ScoreDescription(
        "Column pair trends",
        "How alike any two columns go together; 1 is no difference. The mean over all pairs, as published figures of "
        "SDMetrics have it.",
        0.0,
        1.0,
    ),
    "strong_pairs": ScoreDescription(
        "Strong pair trends",
        "The same of the pairs that really go together in the data, as SDMetrics' report has it since 0.32.",
        0.0,
        1.0,
    ),
    "f1": ScoreDescription(
        "Usefulness, F1",
        "How well a class is predicted in real rows by boosting that learned samples alone: F1, where every class "
        "counts the same.",
        0.0,
        1.0,
    ),
    "auc": ScoreDescription(
        "Usefulness, AUC",
        "The same by order: how often it finds a row of a class more like that class than a row of another.",
        0.0,
        1.0,
    ),
    "r2": ScoreDescription(
        "Usefulness, R²",
        "How much of a number's variance in real rows is explained by boosting that learned samples alone; below 0, "
        "its mean would do better.",
    ),
    "usefulness_lost": ScoreDescription(
        "Usefulness lost",
        "How much better boosting is that learned as many real rows, in F1 or R²; near 0, samples do as well.",
    ),
    "augmentation": ScoreDescription(
        "Gain beside real rows",
        "What boosting that learned real rows gains in F1 or R² when it learns samples beside them.",
    ),
    "augmentation_of_rarest": ScoreDescription(
        "Gain for the rarest class", "The same of the F1 of the rarest class alone."
    ),
    "nats_per_row": ScoreDescription(
        "Nats per row",
        "How much a held-out row still surprises the model; it can only be compared between models of the same tokens.",
    ),
    "nats_gap": ScoreDescription(
        "Generalisation gap",
        "How many more nats a held-out row costs than a learned one; near 0, nothing was learned by heart.",
    ),
    "closeness": ScoreDescription(
        "Closeness",
        "How often a learned row lies nearer to the samples than a row that was not learned; half the time if samples "
        "tell nothing of who was learned.",
        0.0,
        1.0,
    ),
    "closeness_at_1_percent": ScoreDescription(
        "Closeness, at 1%",
        "The share of learned rows that are found by it while 1% of the others are wrongly taken for learned ones; 1% "
        "by chance.",
        0.0,
        1.0,
        percent,
    ),
    "attribute_inference": ScoreDescription(
        "Attribute inference",
        "How much more often a secret cell of a learned row is guessed from the samples than one of a row that was not "
        "learned.",
        -1.0,
        1.0,
        percent,
    ),
    "singling_out_by_one": ScoreDescription(
        "Singling out, one column",
        "How much more often a value that one sample alone has is had by one learned row alone, than by one row of as "
        "many that were not learned.",
        -1.0,
        1.0,
        percent,
    ),
    "singling_out_by_several": ScoreDescription(
        "Singling out, several columns",
        "The same of what is true of one sample alone in two to six columns.",
        -1.0,
        1.0,
        percent,
    ),
    "copied_rows": ScoreDescription(
        "Copied rows", "The share of samples that are equal to a learned row in every cell.", 0.0, 1.0, percent
    ),
    "canaries_found": ScoreDescription(
        "Canaries found",
        "How often a guess is right whether the model learned an example that nobody has; half the time is guessing.",
        0.0,
        1.0,
        percent,
    ),
    "canaries_epsilon": ScoreDescription(
        "Epsilon by canaries",
        "The least epsilon of differential privacy that such guesses leave possible, at 95 % confidence; 0 where they "
        "find nothing.",
        least=0.0,
        usual=5.0,
    ),
    "recall_at_20": ScoreDescription(
        "Recall@20",
        "The share of what held-out people took, and the model had to guess, that is among its first 20 suggestions.",
        0.0,
        1.0,
    ),
    "ndcg_at_100": ScoreDescription(
        "NDCG@100",
        "The same among the first 100, where a hit counts the more the higher it stands; 1 is every hit first.",
        0.0,
        1.0,
    ),
    "gain_over_ease": ScoreDescription(
        "Gain over EASE", "How much higher NDCG@100 is than that of the best linear ranking, as a share.", write=percent
    ),
    "gain_over_nearest": ScoreDescription(
        "Gain over nearest items", "The same against items that are in nearly the same sets as the given ones.",
        write=percent,
    ),
    "gain_over_popular": ScoreDescription(
        "Gain over the commonest", "The same against the commonest items for everybody.", write=percent
    ),
    "novelty": ScoreDescription(
        "Novelty",
        "How surprising suggestions are, in bits: 1 for what half of the people have, 10 for one in a thousand.",
        least=0.0,
    ),
    "popularity_bias": ScoreDescription(
        "Popularity bias",
        "How many times commoner suggestions are than what people took; 1 is as common.",
        least=0.0,
        usual=5.0,
    ),
    "catalog_coverage": ScoreDescription(
        "Catalog coverage", "The share of all items that is ever among the first 20 suggestions.", 0.0, 1.0, percent
    ),
    "pair_lifts": ScoreDescription(
        "Lifts of pairs",
        "Whether what goes together in the data goes together in invented sets: the correlation of the lifts of common "
        "pairs.",
        -1.0,
        1.0,
    ),
}


def description_of(name: str, metric: str, unit: str = "character") -> ScoreDescription:
    """The score's description; for one that came with a new metric, as much as can be said.

    Args:
        unit: what bits are counted by.
    """
    found = DESCRIPTIONS.get(name)
    if found is None:
        return ScoreDescription(name.replace("_", " ").capitalize(), f"A score of the metric {metric}.")
    # What else is in characters, such as the length of a match, is so whatever bits are counted by.
    words = {part: re.sub(r"\b(per|by) character\b", rf"\1 {unit}", getattr(found, part)) for part in _WORDS}
    return replace(found, **words)


def title_of(name: str, metric: str = "", unit: str = "character") -> str:
    """What a score is called wherever it is shown."""
    return description_of(name, metric, unit).title
