"""Speed: the article's own network in tfgen and in PyTorch, by turns.

    python scripts/bench/speed.py [--torch-python PATH]

Generator 100-256-784, discriminator 784-256-1, Adam 2e-4 (0.5, 0.999), batch 64, on the MNIST digits without labels.
tfgen trains through `tfgen.fit`, with its pipeline, averaged weights, losses, history and checkpoints; PyTorch runs the
plain loop of `article_torch.py` on as many threads. Prints the steps per second of each round, the medians and their
ratio: "steps" from the median time between tfgen's reports, "whole" from the first report to the last, which includes
the sample sheets and checkpoints in between. Tracing and imports count for neither side. About 3 minutes.

Without --torch-python, PyTorch is installed once into a virtual environment in tfgen's cache folder.
"""

import statistics
import subprocess
from pathlib import Path

import click
import numpy as np
from common import processors, show_table, talk, torch_environment, work_folder

from tfgen.environment import load_tensorflow

ARTICLE = (
    "network=dense", "width=32", "latent_dim=100", "batch_size=64", "loss=non-saturating", "r1=0", "word_loss=0",
    "learning_rate=2e-4", "beta_1=0.5", "beta_2=0.999", "augment=none",
)


class Torch:
    """PyTorch in its own interpreter, which waits while tfgen has its turn."""

    def __init__(self, python: Path, images: Path):
        script = Path(__file__).with_name("article_torch.py")
        command = [str(python), str(script), str(images), str(processors())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def speed(self, seconds: float) -> float:
        """Steps per second over that time."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("The PyTorch side ended; its words are above.")
        return line


@click.command()
@click.option("--torch-python", type=Path, help="An interpreter that has PyTorch and numpy.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each.")
@click.option("--seconds", default=8.0, show_default=True, help="Of a turn.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change tfgen's settings further.")
def main(torch_python: Path | None, rounds: int, seconds: float, overrides: tuple[str, ...]) -> None:
    """Compare steps per second."""
    python = torch_python or torch_environment()
    load_tensorflow()
    from tfgen.data import open_data

    rows = []
    with work_folder("speed") as folder:
        np.save(folder / "digits.npy", np.asarray(open_data("tfds:mnist@train").values)[..., 0])
        torch = Torch(python, folder / "digits.npy")
        steps, fit = 400, 0
        for turn in range(1, rounds + 1):
            torch_speed = torch.speed(seconds)
            if turn == 1:
                _, whole = _tfgen_speeds(folder, steps, overrides, "first")
                steps = max(200, int(seconds * whole))
            fit += 1
            median, whole = _tfgen_speeds(folder, steps, overrides, f"turn-{fit}")
            rows.append((turn, round(torch_speed, 1), round(median, 1), round(whole, 1)))
            talk(f"turn {turn}: PyTorch {torch_speed:.0f}, tfgen {median:.0f} ({whole:.0f} whole) steps per second")
        torch.close()
    medians = [statistics.median(column) for column in list(zip(*rows, strict=True))[1:]]
    rows += [("median", *medians), ("ratio", 1.0, *(round(speed / medians[0], 2) for speed in medians[1:]))]
    show_table(("turn", "PyTorch", "tfgen steps", "tfgen whole"), rows)


def _tfgen_speeds(folder: Path, steps: int, overrides: tuple[str, ...], name: str) -> tuple[float, float]:
    """Steps per second of one fit: the median of its reports, and from the first report to the last."""
    import tfgen
    from tfgen.config import parse_pairs

    settings = parse_pairs((*ARTICLE, *overrides))
    rows = tfgen.fit("gan", folder / "digits.npy", output=folder / name, steps=steps, **settings).history()
    whole = (rows[-1]["step"] - rows[0]["step"]) / (rows[-1]["seconds"] - rows[0]["seconds"])
    return statistics.median(row["steps_per_second"] for row in rows[1:]), whole


if __name__ == "__main__":
    main()
