"""Pictures for a fit: drawn one by one in an order that is a function, with the places of their prompts."""

import dataclasses
from typing import Any

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.fit.training import Training
from tfgen.prompt.vocabulary import Vocabulary


class ImageTraining(Training):
    """See Training."""

    def codec(self) -> dict[str, Any]:
        from tfgen.models.base import ExampleSpecification

        examples = self.examples
        modality = MODALITIES.load(examples.modality)
        shape = tuple(int(side) for side in examples.values.shape[1:])
        example = ExampleSpecification(
            shape, modality.likelihood, modality.networks, len(examples), modality.augment, modality.plural
        )
        vocabulary = Vocabulary.of(examples.prompts, examples.prompt_index, examples.prompt_kind)
        return {"example": dataclasses.asdict(example), "vocabulary": vocabulary.to_json()}

    def check(self, settings: Any) -> None:
        count = len(self.examples)
        if count < 2:
            raise UserError("There is only one example.", "Add more: some hundreds learn well.")
        if settings.batch_size > count:
            raise UserError(
                f"The batch of {settings.batch_size} is larger than the data, {count} examples.",
                f"Add examples, since some hundreds learn well, or use --set batch_size={max(2, count // 2)}.",
            )

    def count(self, settings: Any) -> int:
        return len(self.examples)

    def batches(self, settings: Any, seed: int, start: int, stop: int) -> Any:
        from tfgen.fit.pipeline import batches

        encode = MODALITIES.load(self.examples.modality).encode
        values, index = self.examples.values, self.examples.prompt_index
        return batches(values, index, encode, settings.batch_size, seed, start, stop)

    def steps_per_call(self, settings: Any) -> int:
        pixels = settings.batch_size * self.examples.height * self.examples.width
        return max(1, min(32, 2**20 // pixels))

    def describe(self) -> str:
        examples = self.examples
        color = "colour" if examples.channels == 3 else "grey"
        return f"{len(examples)} {color} pictures of {examples.height}x{examples.width}"

    def sheets(self, run: Any, model: Any) -> Any:
        from tfgen.fit.show import Sheets

        return Sheets(run, model)

    def tracker(self, run: Any, model: Any) -> Any:
        from tfgen.evaluate.track import Tracker

        return Tracker(model, self.examples, run.vocabulary().longest)
