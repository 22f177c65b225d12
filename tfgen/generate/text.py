"""Text of a run: it goes on from a prompt, and the same seed gives the same one, alone or among others."""

import shlex

from tfgen.errors import UserError
from tfgen.generate import Generator, Origin, Request
from tfgen.generate.text_prompt import open_tokenizer, prompt_ids, say_what_is_cut
from tfgen.generate.text_settings import TextSettings
from tfgen.generate.writer import Text, Writer
from tfgen.run import Run
from tfgen.talk import say


class TextGenerator(Generator):
    """See Generator. Without a place, text goes to standard output while it is made."""

    makes = "text"
    default_count = 1
    settings = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "beams", "length", "stop", "json")

    @staticmethod
    def command(run: Run) -> str:
        kind, plain = run.codec()["kind"], Generator.command(run)
        if kind == "chats":
            return f"tfgen chat {shlex.quote(run.reference)}"
        return plain if kind == "text" else f'{plain} "a prompt"'

    def __init__(self, run: Run, request: Request):
        from tfgen.output.text import check_output

        super().__init__(run, request)
        options = dict(request.options)
        self.as_json = options.pop("json", False)
        self.how = TextSettings.of(options)
        if request.output:
            check_output(request.output, self.as_json)
        if 0 < self.how.beams < len(self.seeds):
            raise UserError(
                f"A search with {self.how.beams} beams can't end with {len(self.seeds)} texts.",
                "Lower -n, or raise --beams.",
            )
        self.tokenizer = open_tokenizer(run)
        self.ids = prompt_ids(run, self.tokenizer, request.prompt)

    def deliver(self) -> None:
        from tfgen.output.text import JsonPrinter, Rows, TextPrinter, write_texts
        from tfgen.restore import load_model

        writer = Writer(load_model(self.run), self.tokenizer)
        say_what_is_cut(writer, len(self.ids), self.how.length)
        texts = [self._text(place) for place in range(len(self.seeds))]
        rows = Rows(Origin.of(self.run), self.how.to_json(), self.tokenizer if self.as_json else None)
        printer = JsonPrinter(texts, rows) if self.as_json else TextPrinter(texts)
        for piece in writer.write(self.ids, texts, self.how):
            if not self.request.output:
                printer.show(piece)
        if any(text.ended == "context" for text in texts):
            say(f"The model sees {writer.model.context} tokens and can't write past them; the text ends there.")
        if self.request.output:
            # A search among few tokens can find fewer texts than were asked for.
            made = [text for text in texts if text.ended]
            say(f"Wrote {write_texts(made, self.request.output, rows)}")

    def _text(self, place: int) -> Text:
        """The text with this place among those that were asked for, of which nothing is made yet."""
        prompt = self.request.prompt
        if self.how.beams:
            return Text(f"beam {place + 1}", None, prompt)
        seed = int(self.seeds[place])
        return Text(f"seed {seed}", seed, prompt)
