"""Text for a fit: windows of tokens, each epoch cut at other places, in an order that is a function."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.text.examples import given_bit, side_by_side
from tfgen.errors import UserError
from tfgen.fit.training import Training
from tfgen.talk import count as in_words

_IN_MEMORY_BYTES = 2**25
_TOKENS_PER_CALL = 2**12
_SHOWN = 4  # texts on a sheet
_MANY_DOCUMENTS = 20  # so many ends of documents that a model learns what stands behind one
_MEASURED_TOKENS = 2**17
_FEWEST_MEASURED = 2**13
_MEASURED_WORK = 2**40  # parameters times tokens: a model of a hundred million would measure for longer than it learns


class TextTraining(Training):
    """See Training."""

    def __init__(self, examples: Any):
        super().__init__(examples)
        self.learned = examples.values[: examples.training_tokens]
        self.unseen = examples.values[examples.training_tokens :]
        self.measures = bool(examples.learned(self.unseen[1:]).any())

    def codec(self) -> dict[str, Any]:
        from tfgen.models.base import ExampleSpecification

        tokenizer, examples = self.examples.tokenizer, self.examples
        # Where few documents end, what follows an end was hardly learned; a line's end is the better start.
        many = examples.documents[0] >= _MANY_DOCUMENTS
        start = tokenizer.end if many else int(tokenizer.encode("\n")[-1])
        example = ExampleSpecification(
            (), "categorical", "text", len(examples), plural="texts", vocabulary_size=tokenizer.size,
            end=tokenizer.end, start=start,
        )
        template = examples.template.to_json() if examples.template else None
        facts = {"kind": examples.kind, "template": template, "tokenizer": tokenizer.to_json()}
        return {"example": dataclasses.asdict(example), **facts}

    def kept(self, settings: dict[str, Any]) -> dict[str, Any]:
        if self.examples.tokenizer.kind != "given" or "tokenizer" not in settings:
            return settings
        return {**settings, "tokenizer": str(Path(settings["tokenizer"]).expanduser().absolute())}

    def files(self) -> dict[str, bytes]:
        return {"tokenizer.json": self.examples.tokenizer.to_bytes()}

    def check(self, settings: Any) -> None:
        tokens = len(self.learned)
        if tokens < settings.context + 1:
            raise UserError(
                f"The context of {settings.context} tokens is longer than the text to learn, {tokens} tokens.",
                f"Add text, since some hundred thousand letters learn well, or use --set context={_less(tokens)}.",
            )

    def count(self, settings: Any) -> int:
        return max(1, len(self.learned) // settings.context - 1)

    def batches(self, settings: Any, seed: int, start: int, stop: int) -> Any:
        import tensorflow as tf

        from tfgen.fit.pipeline import by_steps, order
        from tfgen.models import noise

        size, context, windows = settings.batch_size, settings.context, self.count(settings)
        shifts = len(self.learned) - windows * context
        read = window_reader(self.learned, context + 1)

        def batch_of(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            first = step * size
            epochs = tf.cast((first + tf.range(size, dtype=tf.int64)) // windows, tf.int32)
            shift = noise.integers(epochs + seed * 7919 % 2**31, 1)[:, 0] % min(shifts, context)
            return read(order(seed, first, size, windows) * context + tf.cast(shift, tf.int64))

        return by_steps(batch_of, start, stop)

    def steps_per_call(self, settings: Any) -> int:
        return max(1, min(8, _TOKENS_PER_CALL // (settings.batch_size * settings.context)))

    def describe(self) -> str:
        examples = self.examples
        kind = examples.tokenizer.kind
        held = f", {in_words(len(self.unseen))} more set aside to judge by" if len(self.unseen) else ""
        return (
            f"{in_words(len(examples))} tokens ({kind}, {examples.tokenizer.size} different) of text to learn{held},"
        )

    def sheets(self, run: Any, model: Any) -> Any:
        return TextSheets(run, model, self.examples)

    def tracker(self, run: Any, model: Any) -> Any:
        return TextTracker(model, self.unseen)


class TextTracker:
    """The mean loss over text that is not learned, in windows side by side; the same weights give the same number."""

    name = "validation_loss"

    def __init__(self, model: Any, values: np.ndarray):
        import tensorflow as tf

        self._rows = max(1, 2**11 // model.context)
        self._length = min(model.context, len(values) - 1)
        parameters = sum(part.count_params() for part in model.parts().values())
        most = min(_MEASURED_TOKENS, max(_FEWEST_MEASURED, _MEASURED_WORK // parameters))
        windows = max(1, min(len(values) - 1, most) // self._length)
        # Spread over all of it, where there is more than enough.
        self._starts = np.linspace(0, len(values) - 1 - self._length, windows).astype(np.int64)
        if windows * self._length > len(values) - 1 - self._length:
            self._starts = np.arange(windows, dtype=np.int64) * self._length
        self._read = window_reader(values, self._length + 1)
        self._function = tf.function(model.losses, jit_compile=model.jit_compile)

    def steps_worth(self, settings: Any) -> float:
        """How many training steps are as much work as a measurement, which goes forward only."""
        return len(self._starts) * self._length / (3 * settings.batch_size * settings.context)

    def measure(self) -> float:
        """The mean cross entropy of a learned token, in nats."""
        total, weight = 0.0, 0.0
        for at in range(0, len(self._starts), self._rows):
            starts = self._starts[at : at + self._rows]
            # Every batch has the same size, since each other one would be compiled anew.
            tokens, learned = self._read(np.resize(starts, self._rows))
            losses = self._function(tokens).numpy()[: len(starts)]
            counted = learned.numpy()[: len(starts)]
            total += float(np.sum(losses * counted, dtype=np.float64))
            weight += float(np.sum(counted))
        return total / max(weight, 1.0)


class TextSheets:
    """Writes what the model says from an empty prompt, or from prompts that are held out, from fixed seeds."""

    def __init__(self, run: Any, model: Any, examples: Any):
        import tensorflow as tf

        self.run, self.model, self.tokenizer = run, model, examples.tokenizer
        self._openings = examples.openings(_SHOWN)
        self._function = tf.function(model.generate)

    def write(self) -> None:
        """One text file, named by the step."""
        import tensorflow as tf

        from tfgen import files
        from tfgen.models.sampling import Sampling

        rows, length = _SHOWN, min(200, max(50, self.model.context))
        sampling = Sampling(tf.range(rows), tf.fill([rows], 0.8), tf.zeros([rows], tf.int32), tf.fill([rows], 0.95))
        made, counts = self._function(*side_by_side(self._openings), tf.fill([rows], length), sampling)
        texts = [self.tokenizer.decode(row[:count]) for row, count in zip(made.numpy(), counts.numpy(), strict=True)]
        given = [self.tokenizer.decode(ids) for ids in self._openings]
        parts = [
            f"--- seed {seed} ---\n{f'{prompt.strip()} ->{chr(10)}' if prompt else ''}{text.strip()}\n"
            for seed, (prompt, text) in enumerate(zip(given, texts, strict=True))
        ]
        path = self.run.path / "samples" / f"samples-{int(self.model.step.numpy()):08d}.txt"
        files.write_bytes(path, "\n".join(parts).encode())


def window_reader(values: np.ndarray, length: int) -> Any:
    """A function in the graph: starts int64 [n] to tokens int32 [n, length], and which are learned, [n, length - 1].

    The first of each window is not predicted, so it isn't among those. Long texts stay in their memory-mapped file.
    """
    import tensorflow as tf

    given = given_bit(values.dtype)
    offsets = tf.range(length, dtype=tf.int64)
    if values.nbytes <= _IN_MEMORY_BYTES:
        held = tf.constant(np.asarray(values))

        def pick(starts: tf.Tensor) -> tf.Tensor:
            return tf.cast(tf.gather(held, starts[:, None] + offsets), tf.int64)
    else:

        def pick(starts: tf.Tensor) -> tf.Tensor:
            return tf.numpy_function(lambda at: _windows(values, at, length), [starts], tf.int64, stateful=False)

    def read(starts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        starts = tf.convert_to_tensor(starts)
        picked = tf.ensure_shape(pick(starts), [starts.shape[0], length])
        return tf.cast(picked % given, tf.int32), picked[:, 1:] < given

    return read


def _windows(values: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    return values[starts[:, None] + np.arange(length)].astype(np.int64)


def _less(tokens: int) -> int:
    """A context that such a text has room for."""
    return max(8, tokens // 4)
