"""A small language model of characters in PyTorch, as nanoGPT's settings for a processor have it.

    python gpt_torch.py train TEXT [--steps 2000] [--evaluate-every 100]
    python gpt_torch.py speed TEXT [--seconds 10]
    python gpt_torch.py generate TEXT [--tokens 1024] [--block 64]

It needs PyTorch and nothing of tfgen. Standard output is JSON, a value a line; talk goes to standard error. Importing,
building and compiling (`--compile`) count in no figure: one pass forward and back is done before any clock starts.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

VALIDATION_SHARE, VALIDATION_BATCH = 0.1, 64
BETAS, WEIGHT_DECAY, CLIP, DEVIATION = (0.9, 0.99), 0.1, 1.0, 0.02
STEPS_OF_CHUNK, WARM_UP_SECONDS, WARM_UP_TOKENS = 20, 2.0, 32


class Text:
    """A text as numbers of its characters: the first 90 % for training, the rest for validation."""

    def __init__(self, path: Path):
        characters = path.read_text(encoding="utf-8")
        self.vocabulary = sorted(set(characters))
        number_of = {character: number for number, character in enumerate(self.vocabulary)}
        self.numbers = torch.tensor([number_of[character] for character in characters])
        border = int(len(characters) * (1 - VALIDATION_SHARE))
        self.train, self.validation = self.numbers[:border], self.numbers[border:]

    def random_windows(self, batch: int, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows from anywhere in the training part, and the character that follows each of theirs."""
        starts = torch.randint(len(self.train) - block, (batch, 1))
        windows = self.train[starts + torch.arange(block + 1)]
        return windows[:, :-1], windows[:, 1:]

    def validation_windows(self, block: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The whole validation part once, in windows one after the other; the last one is as long as what is left."""
        inputs, targets = self.validation[:-1], self.validation[1:]
        whole = len(inputs) // block * block
        yield from zip(
            inputs[:whole].view(-1, block).split(VALIDATION_BATCH),
            targets[:whole].view(-1, block).split(VALIDATION_BATCH),
            strict=True,
        )
        if whole < len(inputs):
            yield inputs[None, whole:], targets[None, whole:]


class Attention(nn.Module):
    """Each position looks at itself and at what came before, with several heads."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.look = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        batch, length, width = values.shape
        split = self.look(values).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, contents = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(queries, keys, contents, is_causal=True)
        return self.project(seen.transpose(1, 2).reshape(batch, length, width))


class Layer(nn.Module):
    """Attention, then a perceptron four times as wide; both are normalised before and added to what they were given."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_attention = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, heads)
        self.norm_perceptron = nn.LayerNorm(width, bias=False)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.project = nn.Linear(4 * width, width, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        values = values + self.attention(self.norm_attention(values))
        return values + self.project(functional.gelu(self.widen(self.norm_perceptron(values))))


class Model(nn.Module):
    """Characters and learned positions through the layers, and back to characters with the weights they came in by."""

    def __init__(self, vocabulary: int, block: int, layers: int, heads: int, width: int):
        super().__init__()
        self.block = block
        self.characters = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block, width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, weights in self.named_parameters():
            if weights.dim() == 2:
                residual = name.endswith("project.weight")
                nn.init.normal_(weights, std=DEVIATION / math.sqrt(2 * layers) if residual else DEVIATION)

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy, in nats per character."""
        scores = functional.linear(self.features(inputs), self.characters.weight)
        return functional.cross_entropy(scores.flatten(0, 1), targets.flatten())

    def next_scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores of the character after the last one; only that position goes through the head."""
        return functional.linear(self.features(inputs)[:, -1], self.characters.weight)

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the layers make of the characters, normalised."""
        return self.norm(self.layers(self.characters(inputs) + self.positions.weight[:inputs.shape[1]]))


class Trainer:
    """The model, its optimizer and its schedule."""

    def __init__(self, text: Text, options: argparse.Namespace):
        self.text, self.options = text, options
        self.model = model_of(text, options)
        self.loss = torch.compile(self.model) if options.compile else self.model
        self.optimizer = self._optimizer()
        self.done = 0

    def prepare(self) -> None:
        """A pass forward and back that changes nothing, so that compiling is over."""
        began = time.perf_counter()
        size = (self.options.batch, self.options.block)
        first = self.text.train[:size[0] * size[1]].reshape(size)
        self.loss(first, first.clone()).backward()
        self.optimizer.zero_grad()
        talk(f"ready after {time.perf_counter() - began:.1f} s")

    def step(self) -> torch.Tensor:
        """A step on random windows; returns its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        loss = self.loss(*self.text.random_windows(self.options.batch, self.options.block))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.done += 1
        return loss.detach()

    def learning_rate(self) -> float:
        """Up in a line while warming up, then down along half a cosine until the last step."""
        options = self.options
        if self.done < options.warm_up:
            return options.learning_rate * (self.done + 1) / (options.warm_up + 1)
        share = min(1.0, (self.done - options.warm_up) / max(1, options.steps - options.warm_up))
        height = (1 + math.cos(math.pi * share)) / 2
        return options.last_learning_rate + height * (options.learning_rate - options.last_learning_rate)

    @torch.inference_mode()
    def validation(self) -> float:
        """The mean loss over the whole validation part; the same weights give the same number."""
        total = count = 0
        for inputs, targets in self.text.validation_windows(self.options.block):
            total += self.model(inputs, targets).item() * targets.numel()
            count += targets.numel()
        return total / count

    def _optimizer(self) -> torch.optim.Optimizer:
        """AdamW that lets matrices decay and nothing else."""
        weights = list(self.model.parameters())
        groups = [
            {"params": [values for values in weights if values.dim() >= 2], "weight_decay": WEIGHT_DECAY},
            {"params": [values for values in weights if values.dim() < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.options.learning_rate, betas=BETAS, fused=self.options.fused)


def train(text: Text, options: argparse.Namespace) -> None:
    """Prints the step, the seconds of training so far, the mean loss since the last line and the validation loss."""
    trainer = Trainer(text, options)
    trainer.prepare()
    seconds = 0.0
    while trainer.done < options.steps:
        steps = min(options.evaluate_every, options.steps - trainer.done)
        began = time.perf_counter()
        loss = sum(trainer.step() for _ in range(steps)).item() / steps
        seconds += time.perf_counter() - began
        say(step=trainer.done, seconds=round(seconds, 3), loss=loss, validation=trainer.validation())


def speed(text: Text, options: argparse.Namespace) -> None:
    """Prints the speed of training: the median over chunks of steps, after a warm-up."""
    trainer = Trainer(text, options)
    trainer.prepare()
    _chunks(trainer, WARM_UP_SECONDS)
    chunks = _chunks(trainer, options.seconds)
    steps_per_second = STEPS_OF_CHUNK / statistics.median(chunks)
    say(
        tokens_per_second=round(steps_per_second * options.batch * options.block, 1),
        steps_per_second=round(steps_per_second, 2),
        best_steps_per_second=round(STEPS_OF_CHUNK / min(chunks), 2),
        chunks=len(chunks),
    )


def _chunks(trainer: Trainer, seconds: float) -> list[float]:
    """Trains for that long; returns the seconds of each chunk of steps."""
    ends = [time.perf_counter()]
    while len(ends) == 1 or ends[-1] - ends[0] < seconds:
        for _ in range(STEPS_OF_CHUNK):
            trainer.step()
        ends.append(time.perf_counter())
    return [end - began for began, end in itertools.pairwise(ends)]


def generate(text: Text, options: argparse.Namespace) -> None:
    """Prints the speed of generating, a line a round, with weights as they were drawn: it does not depend on them."""
    model = model_of(text, options)
    scores = torch.compile(model.next_scores) if options.compile else model.next_scores
    prompt = text.numbers[None, :options.prompt]
    _continued(scores, prompt, WARM_UP_TOKENS, options.block)
    for _ in range(options.rounds):
        began = time.perf_counter()
        _continued(scores, prompt, options.tokens, options.block)
        seconds = time.perf_counter() - began
        say(
            tokens_per_second=round(options.tokens / seconds, 2), tokens=options.tokens, seconds=round(seconds, 3),
            block=options.block, prompt=prompt.shape[1],
        )


@torch.inference_mode()
def _continued(scores, characters: torch.Tensor, tokens: int, block: int) -> torch.Tensor:
    """The characters and as many more; each is drawn after a whole pass over the last `block` of them."""
    for _ in range(tokens):
        chances = functional.softmax(scores(characters[:, -block:]), dim=-1)
        characters = torch.cat((characters, torch.multinomial(chances, 1)), dim=1)
    return characters


def model_of(text: Text, options: argparse.Namespace) -> Model:
    """A model with fresh weights, the same for the same seed."""
    torch.manual_seed(options.seed)
    return Model(len(text.vocabulary), options.block, options.layers, options.heads, options.width)


def say(**values: object) -> None:
    """One line of JSON."""
    print(json.dumps(values), flush=True)


def talk(words: str) -> None:
    """One line for people."""
    print(words, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The three commands and their options."""
    whole = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = whole.add_subparsers(required=True, metavar="train|speed|generate")
    for action in (train, speed, generate):
        command = commands.add_parser(
            action.__name__, help=action.__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        command.set_defaults(action=action)
        _add_shared(command)
        _add_own(command, action)
    return whole


def _add_shared(command: argparse.ArgumentParser) -> None:
    command.add_argument("text", type=Path, help="a file of text")
    for name, default, words in (
        ("--layers", 4, "layers"), ("--heads", 4, "heads of each attention"), ("--width", 128, "features"),
        ("--block", 64, "characters the model sees"), ("--threads", 2, "threads of PyTorch"), ("--seed", 1337, "seed"),
    ):
        command.add_argument(name, type=int, default=default, help=words)
    command.add_argument("--compile", action="store_true", help="through torch.compile")


def _add_own(command: argparse.ArgumentParser, action: object) -> None:
    if action is generate:
        command.add_argument("--tokens", type=int, default=1024, help="characters to generate")
        command.add_argument("--prompt", type=int, default=64, help="characters to start from")
        command.add_argument("--rounds", type=int, default=1, help="times to do it")
        return
    command.add_argument("--batch", type=int, default=12, help="windows of a step")
    command.add_argument("--steps", type=int, default=2000, help="steps of training, and of its schedule")
    command.add_argument("--warm-up", type=int, default=100, help="steps in which the learning rate rises")
    command.add_argument("--learning-rate", type=float, default=1e-3, help="at its highest")
    command.add_argument("--last-learning-rate", type=float, default=1e-4, help="at the last step")
    command.add_argument("--fused", action="store_true", help="AdamW in one pass over the weights")
    if action is train:
        command.add_argument("--evaluate-every", type=int, default=100, help="steps between two lines")
    else:
        command.add_argument("--seconds", type=float, default=10.0, help="to measure for")


def main() -> None:
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    options.action(Text(options.text), options)


if __name__ == "__main__":
    main()
