"""Enlarging: how near what `tfgen upscale` learns comes to held-out pictures, beside bicubic interpolation.

    python scripts/bench/upscale.py FOLDER... [--size 64] [--by 2] [--minutes 1] [--look FOLDER]

Each FOLDER of pictures is fitted for two steps, which is enough for a run to know its data. One picture in ten is held
out. --look keeps a picture of eight of those: as they are, bicubic, and enlarged. Two minutes a folder.
"""

import time
from pathlib import Path

import click
import numpy as np
from common import must, show_table, talk, tfgen, work_folder


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--size", default=64, show_default=True)
@click.option("--by", default=2, show_default=True)
@click.option("--minutes", default=1.0, show_default=True)
@click.option("--look", type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...], size: int, by: int, minutes: float, look: Path | None) -> None:
    rows = []
    with work_folder("upscale") as work:
        for source in folders:
            name = source.name if source.name != "images" else source.parent.name
            fit = ("fit", "gan", source, "--steps", 2, "--size", "tiny", "--set", f"size={size}")
            must(tfgen(*fit, "-o", work / name))
            talk(f"{name}: learning")
            rows.append((name, *measured(work / name, by, minutes, look and look / f"{name}-x{by}.png")))
    headings = ("data", "pictures", "from", "steps", "bicubic, dB", "learned, dB", "ms a picture")
    show_table(headings, rows)


def measured(path: Path, by: int, minutes: float, look: Path | None) -> tuple:
    import tfgen as door
    from tfgen.upscale.learning import open_learned
    from tfgen.upscale.pairs import open_pairs, resized

    run = door.load(path)
    learned = open_learned(run, by, minutes)
    small = open_pairs(run, by).sizes[0][0][::10][:8]
    made = run.upscale(small, by)
    began = time.monotonic()
    run.upscale(small, by)
    each = 1000 * (time.monotonic() - began) / len(small)
    if look is not None:
        from tfgen.modalities.image.preview import as_png

        sides = made.shape[1:3]
        rows = (resized(small, sides, "NEAREST"), resized(small, sides, "BICUBIC"), made)
        look.parent.mkdir(parents=True, exist_ok=True)
        look.write_bytes(as_png(np.concatenate([np.concatenate(list(row), axis=1) for row in rows])))
    near = (round(learned.bicubic, 2), round(learned.decibels, 2))
    return learned.pictures, "halves" if learned.why else "files", learned.steps, *near, round(each, 1)


if __name__ == "__main__":
    main()
