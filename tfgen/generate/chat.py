"""A talk with a run that learned chats: what was said so far, as far as the model can see it."""

from collections.abc import Iterator

from tfgen.generate import seeds_from
from tfgen.generate.text_prompt import check_letters, open_template, open_tokenizer
from tfgen.generate.text_settings import TextSettings
from tfgen.generate.writer import Text, Writer
from tfgen.run import Run
from tfgen.talk import say


class Chat:
    """Messages and answers in turn. Opening one needs no TensorFlow; `load` does.

    Answer k of a talk has seed `seed + k`, so the same messages get the same answers.
    """

    def __init__(self, run: Run, settings: TextSettings, seed: int = 0, system: str = ""):
        """Raises UserError where the run did not learn chats, or what is said has letters that it never saw."""
        self._run, self._settings = run, settings
        self._seed = int(seeds_from(seed, 1)[0])
        self._template = open_template(run)
        self._tokenizer = open_tokenizer(run)
        check_letters(self._tokenizer, system)
        self._system = [{"role": "system", "content": system}] if system else []
        self._said_what_is_cut = False
        self.forget()

    def load(self) -> None:
        """Loads the model; before the first answer."""
        from tfgen.restore import load_model

        self._writer = Writer(load_model(self._run), self._tokenizer)

    def forget(self) -> None:
        """Begins a new talk."""
        self.turns: list[dict[str, str]] = []
        self._answers = 0

    def answer(self, message: str) -> Iterator[str]:
        """The answer, piece by piece. An answer that is broken off is remembered as far as it came.

        Raises:
            UserError: the message has letters that the model never saw.
        """
        check_letters(self._tokenizer, message)
        self.turns.append({"role": "user", "content": message})
        # Past the largest seed comes the smallest.
        seed = (self._seed + self._answers + 2**31) % 2**32 - 2**31
        self._answers += 1
        text = Text(f"seed {seed}", seed)
        try:
            for piece in self._writer.write(self._history(), [text], self._settings):
                yield piece.text
        finally:
            self.turns.append({"role": "assistant", "content": text.text})

    def _history(self):
        """The tokens int32 [n] of what was said; without the oldest turns, where there is no room for them."""
        context, dropped = self._writer.model.context, False
        # The answer needs room too, lest it pushes the question out.
        room = context - min(self._settings.length, context // 2)
        ids = self._template.opening([*self._system, *self.turns], self._tokenizer)
        while len(ids) > room and len(self.turns) > 1:
            self.turns, dropped = self.turns[2:], True
            ids = self._template.opening([*self._system, *self.turns], self._tokenizer)
        dropped = dropped or len(ids) > self._writer.room(len(ids), self._settings.length)[0]
        if dropped and not self._said_what_is_cut:
            self._said_what_is_cut = True
            say(f"The talk is longer than the {context} tokens that the model sees: its oldest turns are forgotten.")
        return ids
