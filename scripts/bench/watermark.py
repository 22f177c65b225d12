"""Watermarks: from how many tokens on a text is told, what that costs, and how often other texts are taken for marked.

    python scripts/bench/watermark.py FOLDER             a run on tiny Shakespeare; others' texts from the shared data
    python scripts/bench/watermark.py FOLDER --tokenizer bpe

FOLDER is that of the shared data. Other texts: 10,000 passages of people (news, speeches, answers of volunteers, plays
that were not learned), and 1,000 of two models: the same one without a watermark, and one with another key.
It ends with 1 where an alarm on others' texts was more frequent than 1 in 10,000, or more than 2 % of the perplexity
was lost by the model's own sampled texts, beyond what chance does.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import click
import numpy as np
from common import show_table, work_folder

import tfgen
from tfgen.api import Run
from tfgen.trust.watermarking import FALSE_ALARM, traces_in

LENGTHS = (100, 200, 400, 800)  # tokens
EACH = 40  # texts of each length
LETTERS = 1000  # of a passage


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--steps", default=1500)
@click.option("--people", default=10_000)
@click.option("--models", default=1000)
@click.option("--lost", default=0.02)
@click.option("--tokenizer", default="characters")
def main(folder: Path, steps: int, people: int, models: int, lost: float, tokenizer: str) -> None:
    """Fit, mark, and look at all."""
    with work_folder("watermark") as work:
        os.environ["TFGEN_RUNS"] = str(work / "runs")
        run = tfgen.fit("gpt", "shakespeare", output="plays", size="tiny", steps=steps, tokenizer=tokenizer)
        record = run.watermark(lost).version_record
        marked, plain = tfgen.load("plays"), tfgen.load("plays@base")
        rows = []
        for length in LENGTHS:
            free, usual = (
                [traces_in(text)[0].p_value for text in _texts(marked, EACH, length, 10**6, **how)]
                for how in ({"temperature": 1.0, "top_p": 1.0}, {})
            )
            told = [f"{np.mean(np.array(each) < FALSE_ALARM):.0%}" for each in (free, usual)]
            rows.append((length, told[0], f"{np.median(free):.1g}", told[1]))
        show_table(("tokens", "told at p < .0001", "median p", "told at temperature .8, top-p .95"), rows)
        alarms, seconds = {}, time.process_time()
        alarms["people"] = _alarms(_passages(folder, people))
        seconds = (time.process_time() - seconds) / people
        alarms["the model itself, unmarked"] = _alarms(_texts(plain, models // 2, 300, 5))
        tfgen.load("plays@base").revert("base")
        other = tfgen.load("plays@base").watermark(lost, name="other-key")
        theirs = list(_texts(other, models // 2, 300, 5))
        shutil.rmtree(other.path / "versions" / "other-key")
        alarms["the model with another key"] = _alarms(theirs)
        show_table(("texts", "of", "taken for marked"), [(what, n, k) for what, (k, n) in alarms.items()])
        nats = {name: _nats(each) for name, each in (("marked", marked), ("plain", plain))}
        difference = nats["marked"].mean() - nats["plain"].mean()
        error = 1.96 * np.hypot(*(each.std() / np.sqrt(len(each)) for each in nats.values()))
        print(
            f"strength {record['strength']}, calculated loss of perplexity {record['perplexity_lost']:.2%}; of texts"
            f" that were drawn {np.expm1(difference):.2%} (+- {error:.2%}); {1000 * seconds:.0f} ms a passage"
        )
    wrong = sum(k for k, _ in alarms.values())
    sys.exit(bool(wrong > 1 or np.expm1(difference - error) > lost))


def _texts(run: Run, count: int, length: int, first: int, **how):
    for text in run.generate("", n=count, seed=first, length=length, **how):
        yield str(text)


def _nats(run: Run) -> np.ndarray:
    """Of each of 256 texts the mean nats of a token, by the weights themselves, at temperature 1."""
    texts = run.generate("", n=256, seed=7, length=200, temperature=1.0, top_p=1.0)
    return np.array([-np.mean(each.log_probabilities) for each in texts.texts])


def _alarms(texts) -> tuple[int, int]:
    found = [traces_in(text)[0].is_found for text in texts]
    return sum(found), len(found)


def _passages(folder: Path, count: int) -> list[str]:
    """Passages of people's texts, in an order of chance."""
    whole, names = [], ("wikinews_2020", "state_union", "oasst1_en_validation", "self_instruct_seed", "sgd_dialogues")
    for name in names:
        for path in sorted((folder / name).rglob("*")):
            if path.suffix in (".txt", ".md", ".csv", ".jsonl", ".json"):
                whole.append(path.read_text(encoding="utf-8", errors="replace").replace("\\n", " "))
    text = "\n".join(whole)
    starts = np.random.default_rng(0).integers(0, len(text) - LETTERS, count)
    return [text[start : start + LETTERS] for start in starts]


if __name__ == "__main__":
    main()
