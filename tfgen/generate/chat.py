"""A talk with a run that learned chats: what was said so far, as far as the model can see it."""

from collections.abc import Iterator

from tfgen.console import command_line, say
from tfgen.errors import UserError
from tfgen.generate import seeds_from
from tfgen.representations.sequences.sampler import SequenceSampler, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.restore import open_codec
from tfgen.run import Run


class Chat:
    """Messages and answers in turn. Opening one needs no TensorFlow; `load` does.

    Answer k of a talk has seed `seed + k`, so the same messages get the same answers.
    """

    def __init__(self, run: Run, settings: SamplingSettings, seed: int = 0, system: str = ""):
        """Raises UserError where the run did not learn chats, or what is said has letters that it never saw."""
        self._run, self._settings = run, settings
        self._seed = int(seeds_from(seed, 1)[0])
        self._codec = open_codec(run)
        if getattr(self._codec, "template", None) is None:
            raise UserError(
                f"'{run.name}' did not learn chats, so it can't talk.",
                f"Fit on a .jsonl whose rows have 'messages', or use: {command_line('generate', run.reference)}",
            )
        self._codec.check_letters(system)
        self._system = [{"role": "system", "content": system}] if system else []
        self._said_what_is_cut = False
        self.forget()

    def load(self) -> None:
        """Loads the model; before the first answer."""
        from tfgen.restore import load_model, made_of

        model = load_model(self._run)
        self._sampler = made_of(model, "sampler", lambda: SequenceSampler(model, self._codec))

    def forget(self) -> None:
        """Begins a new talk."""
        self.turns: list[dict[str, str]] = []
        self._answers = 0

    def answer(self, message: str) -> Iterator[str]:
        """The answer, piece by piece. An answer that is broken off is remembered as far as it came.

        Raises:
            UserError: the message has letters that the model never saw.
        """
        self._codec.check_letters(message)
        self.turns.append({"role": "user", "content": message})
        # Past the largest seed comes the smallest.
        seed = (self._seed + self._answers + 2**31) % 2**32 - 2**31
        self._answers += 1
        text = Text(f"seed {seed}", seed)
        try:
            for piece in self._sampler.write(self._history(), [text], self._settings):
                yield piece.text
        finally:
            self.turns.append({"role": "assistant", "content": text.text})

    def _history(self):
        """The tokens int32 [n] of what was said; without the oldest turns, where there is no room for them."""
        context, dropped = self._sampler.model.context, False
        # The answer needs room too, lest it pushes the question out.
        room = context - min(self._settings.length, context // 2)
        ids = self._codec.opening([*self._system, *self.turns])
        while len(ids) > room and len(self.turns) > 1:
            self.turns, dropped = self.turns[2:], True
            ids = self._codec.opening([*self._system, *self.turns])
        dropped = dropped or len(ids) > self._sampler.room(len(ids), self._settings.length)[0]
        if dropped and not self._said_what_is_cut:
            self._said_what_is_cut = True
            say(f"The talk is longer than the {context} tokens that the model sees: its oldest turns are forgotten.")
        return ids
