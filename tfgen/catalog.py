"""Everything that can be extended, one line per entry.

An entry is a "module:object" string, so that listing names never imports TensorFlow. Being listed puts a name into
the command line's choices, the docs' tables and the conformance tests. Other packages add entries to MODALITIES, MODELS
and METRICS by entry points of the groups `tfgen.modalities`, `tfgen.models` and `tfgen.metrics`, under the same names
and with the same kind of objects.
"""

import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfgen.errors import UserError, unknown


class Catalog(Mapping[str, str]):
    """Names and where their objects live; `load` imports one.

    group: the entry points of installed packages that are entries too.
    """

    def __init__(self, kind: str, entries: dict[str, str], group: str | None = None):
        self.kind = kind
        self._built_in = entries
        self._group = group

    @functools.cached_property
    def _entries(self) -> dict[str, str]:
        # The built-in ones come first, and keep their names.
        return {**self._built_in, **_entry_points(self._group), **self._built_in} if self._group else self._built_in

    def __getitem__(self, name: str) -> str:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The object behind `name`. Raises UserError, with the nearest name, where there is none."""
        if name not in self._entries:
            # A name with a prefix is looked up by the prefix's owner; the user types what stands behind it.
            prefix = name.rpartition("/")[0]
            alike = [entry for entry in self._entries if entry.rpartition("/")[0] == prefix]
            raise unknown(self.kind, name.rpartition("/")[2], [entry.rpartition("/")[2] for entry in alike])
        try:
            module, attribute = self._entries[name].split(":")
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # another package's mistakes are of any kind
            if name in self._built_in:
                raise
            raise UserError(
                f"The {self.kind} '{name}' of another package can't be loaded: {error}.",
                "Update or remove the package that brings it.",
            ) from error

    def all(self) -> list[Any]:
        """Every entry's object. One of another package that can't be loaded is left out, and that is said."""
        from tfgen.console import warn

        objects = []
        for name in self:
            try:
                objects.append(self.load(name))
            except UserError as error:
                warn(error.what_is_wrong)
        return objects


def _entry_points(group: str) -> dict[str, str]:
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=group)}


MODELS = Catalog(
    "model",
    {
        "gan": "tfgen.models.gan:GAN",
        "vae": "tfgen.models.vae:VAE",
        "gpt": "tfgen.models.gpt:GPT",
        "tree": "tfgen.models.rows.tree:RowTree",
    },
    group="tfgen.models",
)

# Their settings, which are looked at before TensorFlow is loaded; a model of another package has them at itself alone.
CONFIGS = Catalog(
    "model",
    {
        "gan": "tfgen.models.configs:GANConfig",
        "vae": "tfgen.models.configs:VAEConfig",
        "gpt": "tfgen.models.configs:GPTConfig",
        "tree": "tfgen.models.rows.configs:RowTreeConfig",
    },
)

# Of models that can begin with learned weights: what they are then, and what reads a preset for them.
PRETRAINED = Catalog("pre-trained model", {"gpt": "tfgen.models.pretrained:PretrainedGPT"})

# Where a representation is learned under the same names by networks that are made for it, and their settings.
OWN_MODELS = Catalog(
    "model",
    {
        "rows/gpt": "tfgen.models.rows.gpt:RowGPT",
        "rows/vae": "tfgen.models.rows.vae:RowVAE",
        "rows/gan": "tfgen.models.rows.gan:RowGAN",
        "sets/vae": "tfgen.models.sets.vae:SetVAE",
        "sets/gpt": "tfgen.models.sets.gpt:SetGPT",
    },
)

OWN_CONFIGS = Catalog(
    "model",
    {
        "rows/gpt": "tfgen.models.rows.configs:RowGPTConfig",
        "rows/vae": "tfgen.models.rows.configs:RowVAEConfig",
        "rows/gan": "tfgen.models.rows.configs:RowGANConfig",
        "sets/vae": "tfgen.models.sets.configs:SetVAEConfig",
        "sets/gpt": "tfgen.models.sets.configs:SetGPTConfig",
    },
)


def model_class(name: str, representation: str) -> type:
    """The class that learns a representation under a model's name."""
    own = f"{representation}/{name}"
    return OWN_MODELS.load(own) if own in OWN_MODELS else MODELS.load(name)


def config_class(name: str, representation: str) -> type | None:
    """Its settings, without loading TensorFlow; None of a model of another package."""
    own = f"{representation}/{name}"
    if own in OWN_CONFIGS:
        return OWN_CONFIGS.load(own)
    return CONFIGS.load(name) if name in CONFIGS else None


# What the built-in models learn, the first where the data may be read as either: known without TensorFlow.
_LEARNED = {
    "gan": ("arrays", "rows"),
    "vae": ("arrays", "rows", "sets"),
    "gpt": ("sequences", "rows", "sets"),
    "tree": ("rows",),
}


def representations_of(name: str) -> tuple[str, ...]:
    """What a model learns."""
    return _LEARNED[name] if name in _LEARNED else MODELS.load(name).representations


PRESETS = Catalog("pre-trained start", {"gpt": "tfgen.training.preset:open_preset"})

MODALITIES = Catalog(
    "modality",
    {
        "image": "tfgen.modalities.image.modality:ImageModality",
        "text": "tfgen.modalities.text.modality:TextModality",
        "basket": "tfgen.modalities.basket.modality:BasketModality",
        "level": "tfgen.modalities.level.modality:LevelModality",
        "table": "tfgen.modalities.table.modality:TableModality",
        "audio": "tfgen.modalities.audio.modality:AudioModality",
    },
    group="tfgen.modalities",
)


def able(attribute: str) -> str:
    """Which models have an attribute such as can_be_private, with what they learn: "a gpt of tables, or a vae of
    tables, sounds". Where a kind of data has the attribute too, it decides as well."""
    found: dict[str, list[str]] = {}
    for name in MODELS:
        for modality in filter(lambda each: getattr(each, attribute, True), MODALITIES.all()):
            learned = set(modality.representations) & set(representations_of(name))
            if any(getattr(model_class(name, each), attribute, False) for each in learned):
                found.setdefault(name, []).append(modality.plural)
    return ", or ".join(f"a {name} of {', '.join(kinds)}" for name, kinds in found.items())


# What each stage does with a representation. There are four of these, so other packages bring none.
ENGINES = Catalog(
    "engine",
    {
        "generate/arrays": "tfgen.generate.arrays:ArrayGenerator",
        "generate/sequences": "tfgen.generate.sequences:SequenceGenerator",
        "generate/rows": "tfgen.generate.rows:RowGenerator",
        "generate/sets": "tfgen.generate.sets:SetGenerator",
        "sheets/arrays": "tfgen.generate.sheets:ArraySheets",
        "sheets/sequences": "tfgen.generate.sheets:SequenceSheets",
        "sheets/rows": "tfgen.generate.sheets:RowSheets",
        "sheets/sets": "tfgen.generate.sheets:SetSheets",
        "evaluate/arrays": "tfgen.evaluate.arrays.evaluator:ArrayEvaluator",
        "evaluate/sequences": "tfgen.evaluate.sequences.evaluator:SequenceEvaluator",
        "evaluate/rows": "tfgen.evaluate.rows.evaluator:RowEvaluator",
        "evaluate/sets": "tfgen.evaluate.sets.evaluator:SetEvaluator",
        "measure/arrays": "tfgen.evaluate.arrays.tracker:ArrayTracker",
        "measure/sequences": "tfgen.evaluate.sequences.tracker:SequenceTracker",
        "measure/rows": "tfgen.evaluate.rows.tracker:RowTracker",
        "measure/sets": "tfgen.evaluate.sets.tracker:SetTracker",
        "prompt/arrays": "tfgen.prompts.arrays:ArrayCells",
        "prompt/sequences": "tfgen.prompts.sequences:SequenceCells",
        "prompt/rows": "tfgen.prompts.rows:RowCells",
        "prompt/sets": "tfgen.prompts.sets:SetCells",
        "steer/arrays": "tfgen.steering.arrays:ArraySession",
        "steer/sequences": "tfgen.steering.sequences:SequenceSession",
        "tune/arrays": "tfgen.tuning.arrays:ArrayTuner",
        "tune/sequences": "tfgen.tuning.sequences:SequenceTuner",
        "membership/arrays": "tfgen.evaluate.membership:membership_of_arrays",
        "membership/sequences": "tfgen.evaluate.membership:membership_of_sequences",
        "membership/rows": "tfgen.evaluate.membership:membership_of_rows",
        "canaries/arrays": "tfgen.evaluate.canaries:arrays_known",
        "canaries/sequences": "tfgen.evaluate.canaries:sequences_known",
        "canaries/rows": "tfgen.evaluate.canaries:rows_known",
        "explain/arrays": "tfgen.trust.explanation.arrays:ArrayExplainer",
        "explain/sequences": "tfgen.trust.explanation.sequences:SequenceExplainer",
        "explain/rows": "tfgen.trust.explanation.rows:RowExplainer",
        "explain/sets": "tfgen.trust.explanation.sets:SetExplainer",
        "export/arrays": "tfgen.export.arrays:ArrayExport",
        "export/sequences": "tfgen.export.sequences:SequenceExport",
        "export/rows": "tfgen.export.rows:RowExport",
        "export/sets": "tfgen.export.sets:SetExport",
    },
)

# A metric stands behind the representation, or the modality, that it is for.
METRICS = Catalog(
    "metric",
    {
        "arrays/frechet": "tfgen.evaluate.metrics.frechet:frechet_distance",
        "arrays/kernel": "tfgen.evaluate.metrics.kernel:kernel_distance",
        "arrays/precision-recall": "tfgen.evaluate.metrics.precision_recall:precision_recall",
        "arrays/density-coverage": "tfgen.evaluate.metrics.density_coverage:density_coverage",
        "arrays/detectability": "tfgen.evaluate.metrics.detectability:detectability",
        "arrays/detectability-to-the-eye": "tfgen.evaluate.metrics.detectability:detectability_to_the_eye",
        "arrays/adherence": "tfgen.evaluate.metrics.adherence:prompt_adherence",
        "arrays/diversity": "tfgen.evaluate.metrics.diversity:diversity",
        "arrays/copying": "tfgen.evaluate.metrics.copying:copying",
        "arrays/membership": "tfgen.evaluate.metrics.membership:membership",
        "arrays/canaries": "tfgen.evaluate.metrics.canaries:canary_guesses",
        "arrays/likelihood": "tfgen.evaluate.metrics.likelihood:log_likelihood_bound",
        "arrays/reconstruction": "tfgen.evaluate.metrics.reconstruction:reconstruction_error",
        "arrays/latents": "tfgen.evaluate.metrics.latents:dead_latents",
        "audio/harmonicity": "tfgen.evaluate.metrics.sound:harmonicity",
        "audio/silence": "tfgen.evaluate.metrics.sound:silence",
        "audio/clipping": "tfgen.evaluate.metrics.sound:clipping",
        "sequences/bits": "tfgen.evaluate.metrics.prediction:bits_per_character",
        "sequences/perplexity": "tfgen.evaluate.metrics.prediction:perplexity",
        "sequences/generalisation": "tfgen.evaluate.metrics.generalisation:generalisation_gap",
        "sequences/membership": "tfgen.evaluate.metrics.membership:document_membership",
        "sequences/canaries": "tfgen.evaluate.metrics.canaries:canary_guesses",
        "sequences/detectability": "tfgen.evaluate.metrics.detectability:detectability_of_texts",
        "sequences/distinct": "tfgen.evaluate.metrics.distinct:distinct",
        "sequences/overlap": "tfgen.evaluate.metrics.overlap:overlap",
        "sequences/repetition": "tfgen.evaluate.metrics.repetition:repetition",
        "sequences/memorisation": "tfgen.evaluate.metrics.memorisation:memorisation",
        "rows/quality": "tfgen.evaluate.metrics.resemblance:quality",
        "rows/detectability": "tfgen.evaluate.metrics.detectability:detectability_of_rows",
        "rows/usefulness": "tfgen.evaluate.metrics.usefulness:usefulness",
        "rows/augmentation": "tfgen.evaluate.metrics.usefulness:augmentation",
        "rows/likelihood": "tfgen.evaluate.metrics.likelihood:likelihood_of_rows",
        "rows/membership": "tfgen.evaluate.metrics.membership:membership_of_rows",
        "rows/closeness": "tfgen.evaluate.metrics.privacy:membership_by_closeness",
        "rows/attribute": "tfgen.evaluate.metrics.privacy:attribute_inference",
        "rows/singling-out": "tfgen.evaluate.metrics.privacy:singling_out",
        "rows/canaries": "tfgen.evaluate.metrics.canaries:canary_guesses",
        "rows/copies": "tfgen.evaluate.metrics.privacy:exact_copies",
        "level/playability": "tfgen.evaluate.metrics.levels:playability",
        "level/patterns": "tfgen.evaluate.metrics.levels:patterns",
        "level/broken": "tfgen.evaluate.metrics.levels:broken",
        "level/level-copying": "tfgen.evaluate.metrics.levels:level_copying",
        "level/novelty": "tfgen.evaluate.metrics.levels:novelty",
        "level/obedience": "tfgen.evaluate.metrics.levels:obedience",
        "sets/ranking": "tfgen.evaluate.metrics.ranking:ranking",
        "sets/gain": "tfgen.evaluate.metrics.ranking:gain",
        "sets/variety": "tfgen.evaluate.metrics.ranking:variety",
        "sets/coverage": "tfgen.evaluate.metrics.ranking:coverage",
        "sets/lifts": "tfgen.evaluate.metrics.lifts:lifts",
    },
    group="tfgen.metrics",
)

# What gives features of arrays. One that needs a shape of its own refuses others with a sentence.
EXTRACTORS = Catalog(
    "extractor",
    {
        "classifier": "tfgen.evaluate.extractors.classifier:open_classifier",
        "random": "tfgen.evaluate.extractors.random_features:open_random_features",
        "inception": "tfgen.evaluate.extractors.inception:open_inception",
    },
)

EXPORTS = Catalog(
    "export format",
    {
        "saved-model": "tfgen.export.saved_model:export",
        "tflite": "tfgen.export.tflite:export",
        "onnx": "tfgen.export.onnx:export",
    },
)

# Data sets that come with tfgen: the modality that they are of, and what opens them.
DATASETS = Catalog(
    "data set",
    {
        "digits": "tfgen.modalities.image.embedded:open_digits",
        "shakespeare": "tfgen.modalities.text.embedded:open_shakespeare",
        "insurance": "tfgen.modalities.table.embedded:open_insurance",
        "chimes": "tfgen.modalities.audio.embedded:open_chimes",
        "meadows": "tfgen.modalities.level.embedded:open_meadows",
        "corner-shop": "tfgen.modalities.basket.embedded:open_corner_shop",
    },
)

NETWORKS = Catalog(
    "network",
    {
        "convolutional": "tfgen.models.networks.convolutional:ConvolutionalNetworks",
        "residual": "tfgen.models.networks.residual:ResidualNetworks",
        "style": "tfgen.models.networks.style:StyleNetworks",
        "dense": "tfgen.models.networks.dense:DenseNetworks",
    },
)
