"""Why a model of sequences goes on as it does: what each token costs it, and which earlier ones made a token likely.

Gradient times input (Simonyan et al. 2014; Shrikumar et al. 2017), the input being how far a token's embedding is from
that of another text, averaged over texts that the model writes itself and over places on the way from each of them:
expected gradients (Erion et al. 2021, equation 3), by which Sundararajan et al. (2017) are freed from the choice of one
text that says nothing. At the text alone the product says next to nothing: a network that begins with a norm doesn't
see how long an embedding is, so that the product of an embedding and its gradient is 0 (Euler's theorem on homogeneous
functions) but for what later layers add.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from tfgen.evaluate.page import html_table
from tfgen.representations.base import Codec
from tfgen.representations.sequences.sampler import SequenceSampler, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.restore import made_of
from tfgen.run import Run
from tfgen.trust.explanation.explainer import Explainer, ExplainRequest, Part
from tfgen.trust.explanation.randomised import compared, of_copies, signed

CONTINUED, INVENTED = 16, 48  # tokens that the model adds to a text, and of a text of its own
MOST_TOKENS = 128  # of a text; of a longer one the last
MOST_TARGETS = 64  # tokens that are explained, the last
REFERENCES = 16  # texts that the model writes, each looked at on one place of the way from it
_ROWS = 64  # texts of one pass
_FIRST = 5 * 10**6  # seed of the texts that it is compared with
_NAMED = 5  # tokens that spoke for another
_AROUND = 6  # tokens around one, on a terminal
_SHADED = 60.0  # per cent of colour of what weighs most


@dataclass(frozen=True)
class Attribution:
    """values: float64 [targets, tokens], how much each token added to the log-probability of each of the last targets,
    in nats; 0 for those that come later. unaccounted: of what the text adds to that of others, what the values miss.
    """

    values: np.ndarray
    unaccounted: float

    def seen(self) -> np.ndarray:
        """The values of tokens that stand before their target, [n]."""
        targets, tokens = self.values.shape
        return self.values[np.arange(tokens)[None] <= np.arange(tokens - targets, tokens)[:, None]]


class Attributor:
    """Expected gradients of a model of sequences; traced once."""

    def __init__(self, model: Any):
        import tensorflow as tf

        self._model = model

        def gradients(tokens: Any, embedded: Any, places: Any, targets: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                tape.watch(embedded)
                scores = tf.nn.log_softmax(model.logits_of_embedded(tokens, embedded))
                likely = tf.gather_nd(scores, tf.stack([tf.range(tf.shape(places)[0]), places, targets], axis=1))
            return likely, tape.gradient(likely, embedded)

        self._gradients = tf.function(gradients, reduce_retracing=True, autograph=False)

    def __call__(self, line: np.ndarray, references: np.ndarray) -> Attribution:
        """Of tokens int32 [n + 1], what each of the first n adds to each of the last MOST_TARGETS of the others.

        references: tokens int32 [k, n] of other texts.
        """
        import tensorflow as tf

        tokens, wanted = line[:-1].astype(np.int32), line[1:].astype(np.int32)
        count = len(tokens)
        targets = np.arange(max(0, count - MOST_TARGETS), count)
        own = np.asarray(self._model.embed(tf.constant(tokens[None])))[0]
        others = np.asarray(self._model.embed(tf.constant(references.astype(np.int32))))
        apart, each = own - others, len(references)
        # One place in each of equal parts of the way, and the other text itself, by which what is missed is known.
        shares = np.concatenate([(np.arange(each) + 0.5) / each, np.zeros(each)]).astype(np.float32)
        texts = np.tile(np.arange(each), 2)
        places, kinds = np.repeat(targets, len(shares)), np.tile(np.arange(len(shares)), len(targets))
        likely, products = [], []
        for start in range(0, len(places), _ROWS):
            rows = np.minimum(np.arange(start, start + _ROWS), len(places) - 1)  # the last pass is filled up
            text, share = texts[kinds[rows]], shares[kinds[rows], None, None]
            way = others[text] + share * apart[text]
            given = np.tile(tokens, [_ROWS, 1]), way, places[rows].astype(np.int32), wanted[places[rows]]
            scores, slopes = self._gradients(*[tf.constant(one) for one in given])
            likely.append(scores.numpy())
            products.append(np.einsum("rtw,rtw->rt", slopes.numpy(), apart[text]))
        likely = np.concatenate(likely)[: len(places)].reshape(len(targets), -1).astype(np.float64)
        products = np.concatenate(products)[: len(places)].reshape(len(targets), -1, count)
        values = products[:, :each].mean(axis=1, dtype=np.float64)
        scores = np.asarray(tf.nn.log_softmax(self._model.logits(tf.constant(tokens[None]))), np.float64)[0]
        added = scores[targets, wanted[targets]] - likely[:, each:].mean(axis=1)
        missed = float(np.abs(values.sum(axis=1) - added).sum() / max(float(np.abs(added).sum()), 1e-9))
        return Attribution(values, missed)


class SequenceExplainer(Explainer):
    """See Explainer."""

    def __init__(self, run: Run, request: ExplainRequest, codec: Codec):
        super().__init__(run, request, codec)
        self.ids = codec.prompt_ids(request.prompt)

    def beginning(self) -> str:
        return "Asking which tokens made later ones likely, and copies with randomised weights too ..."

    def parts(self, model: Any, checkpoint: str) -> list[Part]:
        import tensorflow as tf

        most = min(MOST_TOKENS, model.context)
        made = self._continued(model, most)
        line = np.concatenate([[model.example.start], self.ids, made]).astype(np.int32)
        if len(line) - 1 > most:
            self.left_out["The beginning of the text"] = f"The last {most} of {len(line) - 1} tokens are explained."
            line = line[-most - 1 :]
        made_from = len(line) - len(made)  # places from here on are the model's own
        nats = np.asarray(model.measurements()["token_losses"](tf.constant(line[None])), np.float64)[0]
        references = self._references(model, line)
        own = Attributor(model)(line, references)

        def explained(attributor: Attributor) -> np.ndarray:
            return attributor(line, references).seen()

        copies = of_copies(self.run, Attributor, explained, self.request.seed)
        check = compared(own.seen(), copies)
        words = [self._written(token) for token in line]
        return [
            self._loss(words, nats, made_from),
            Part("tokens", "Which tokens made later ones likely", *self._reasons(words, nats, own, made_from), check),
        ]

    def _continued(self, model: Any, most: int) -> list[int]:
        """What the model adds to the text: the likeliest, or without a text one of its own. What was given has room
        first, of `most` tokens in all."""
        invents = not self.request.prompt
        usual = dict(self.codec.usual_sampling) if invents else {"temperature": 0.0}
        length = min(INVENTED if invents else CONTINUED, max(most // 4, most - len(self.ids)))
        settings = SamplingSettings.of({"length": length}, usual)
        text = Text("explained", self.request.seed, self.request.prompt)
        for _ in self._sampler(model).write(self.ids, [text], settings):
            pass
        return text.tokens

    def _sampler(self, model: Any) -> SequenceSampler:
        return made_of(model, "sampler", lambda: SequenceSampler(model, self.codec))

    def _references(self, model: Any, line: np.ndarray) -> np.ndarray:
        """Tokens [REFERENCES, n] of texts that the model writes of nothing, as long as what is explained, which begins
        as they do; those that end sooner are followed by others."""
        count = len(line) - 1
        settings = SamplingSettings.of({"length": min(2 * count, model.context - 1), "temperature": 1.0, "top_p": 1.0})
        texts = [Text("reference", _FIRST + number) for number in range(2 * REFERENCES)]
        for _ in self._sampler(model).write([], texts, settings):
            pass
        rows = []
        for number in range(REFERENCES):
            chain = [model.example.start]
            for text in (texts[number], *texts[number + 1 :], *texts):
                if len(chain) >= count:
                    break
                chain += text.tokens
            rows.append(np.resize(chain, count))
        return np.array(rows, np.int32)

    def _written(self, token: int) -> str:
        """A token as a person reads it, with signs for what can't be seen."""
        said = self.codec.token_bytes()[int(token)].decode("utf-8", "replace")
        if not said:
            return _END if token in self.codec.specification.ends else _MARK
        for letter, sign in _SHOWN_AS.items():
            said = said.replace(letter, sign)
        return said

    def _loss(self, words: Sequence[str], nats: np.ndarray, made_from: int) -> Part:
        tokens = [
            {"token": word, "nats": round(float(cost), 4), "made": place >= made_from}
            for place, (word, cost) in enumerate(zip(words[1:], nats, strict=True), 1)
        ]
        worst = sorted(tokens, key=lambda each: -each["nats"])[:_NAMED]
        mean = float(nats.mean())
        lines = [
            f"{mean:.2f} nats a token in the mean, over {len(nats)} tokens",
            "costliest: " + ", ".join(f"{each['token']} {each['nats']:.1f}" for each in worst),
        ]
        shown = [
            _token(each["token"], each["nats"], f"{each['nats']:.1f}", "costs", each["nats"] / 8.0, each["made"])
            for each in tokens
        ]
        note = (
            f"What each token costs, in nats: the less, the surer the model was of it. {mean:.2f} in the mean. "
            f"{_SIGNS} {_MADE}"
        )
        html = f'<p class="note">{note}</p>\n{_tokens("Tokens, and what each costs in nats", shown)}'
        unchecked = "This is measured, not explained: there is nothing to randomise."
        return Part("loss", "Loss along the text", {"mean_nats": round(mean, 4), "tokens": tokens}, lines, html, None,
                    unchecked)

    def _reasons(
        self, words: Sequence[str], nats: np.ndarray, own: Attribution, made_from: int
    ) -> tuple[dict[str, Any], list[str], str]:
        """Facts, lines and HTML of what spoke for the continuation, and for each token."""
        count, first = len(words) - 1, len(words) - 1 - len(own.values)
        begins = min(made_from, count)  # without a continuation, the last token is looked at
        summed = own.values[max(0, begins - 1 - first) :].sum(axis=0)[:begins]
        continuation = "".join(words[begins:])
        targets = []
        for row, values in enumerate(own.values):
            order = np.argsort(-np.abs(values), kind="stable")[:_NAMED]
            because = [
                {"place": int(place), "token": words[place], "nats": round(float(values[place]), 4)}
                for place in order if abs(values[place]) > 1e-4
            ]
            place = first + 1 + row
            targets.append({"place": place, "token": words[place], "cost": round(float(nats[place - 1]), 4),
                            "because": because})
        facts = {
            "continuation": continuation,
            "for_continuation": [
                {"token": word, "nats": round(float(value), 4)} for word, value in zip(words, summed)
            ],
            "targets": targets,
            "unaccounted": round(own.unaccounted, 4),
        }
        order = np.argsort(-summed, kind="stable")[:_NAMED]
        lines = [f"for {continuation}:"]
        lines += [f"  {signed(summed[place])} {_within(words, place)}" for place in order if summed[place] > 0]
        largest = max(float(np.abs(summed).max(initial=0.0)), 1e-9)
        shown = [
            _token(word, value, _with_sign(value), "for" if value >= 0 else "against",
                   abs(value) / largest, False)
            for word, value in list(zip(words, summed))[1:]
        ]
        rows = [
            [str(each["place"]), each["token"], f"{each['cost']:.2f}",
             ", ".join(f"{one['token']} ({signed(one['nats'])}, at {one['place']})" for one in each["because"])]
            for each in targets
        ]
        html = (
            f'<p class="note">How many nats each token added to the log-probability of what follows, '
            f"<code>{escape(continuation)}</code>, beside {REFERENCES} texts that the model writes of nothing. "
            f"{_SIGNS} Blue spoke for it, orange against it. These numbers (expected gradients) miss "
            f"{own.unaccounted:.0%} of what was added.</p>\n"
            f"{_tokens('Tokens, and how many nats each added', shown)}\n"
            f"<details><summary>Token by token</summary>"
            f'{html_table(["place", "token", "cost", "what weighed most, in nats"], rows)}</details>'
        )
        return facts, lines, html


_SPACE, _LINE = "\N{OPEN BOX}", "\N{RETURN SYMBOL}"
_SHOWN_AS = {" ": _SPACE, "\n": _LINE, "\t": "\N{RIGHTWARDS ARROW}"}
_END, _MARK = "(end)", "(mark)"  # of tokens that say nothing
_SIGNS = f"{_SPACE} is a space, {_LINE} the end of a line."
_MADE = "What the model wrote itself is underlined."


def _token(word: str, value: float, number: str, kind: str, share: float, made: bool) -> str:
    strength = round(_SHADED * float(np.clip(share, 0.0, 1.0)))
    classes = " ".join(filter(None, [kind, "strong" if strength > _SHADED / 3 else "", "made" if made else ""]))
    broken = '<li class="break" aria-hidden="true"></li>' if word.endswith(_LINE) else ""
    return (
        f'<li class="{classes}" style="--strength:{strength}" title="{value:.3f} nats">'
        f"<span>{escape(word)}</span><small>{number}</small></li>{broken}"
    )


def _with_sign(value: float) -> str:
    """"+1.2"; nothing of what is hardly anything, which would only be noise to read."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}") if abs(value) >= 0.05 else "\N{NO-BREAK SPACE}"


def _within(words: Sequence[str], place: int) -> str:
    """A token in brackets, among those around it."""
    before, after = words[max(1, place - _AROUND) : place], words[place + 1 : place + 1 + _AROUND]
    return f"{''.join(before)}[{words[place]}]{''.join(after)}"


def _tokens(what: str, tokens: Sequence[str]) -> str:
    return f'<ol class="tokens" aria-label="{escape(what)}">{"".join(tokens)}</ol>'
