"""Provenance: what becomes of files that were tampered with, and how long signing takes, as figures.

    python scripts/bench/provenance.py             both, about two minutes on a busy machine
    python scripts/bench/provenance.py tampered    250 files that were changed in ten ways, and 200 of people
    python scripts/bench/provenance.py speed       1,000 pictures, signed and not, by turns

Each prints a table and ends with 1 where a changed file was not told (where its manifest went: that it is gone),
a person's file was called made by a model, or 1,000 signed pictures took more than 10 s of a processor. It signs with a
key of its own. How long writing takes by the clock depends on the disk, which each file waits for, and on who else is
at work.
"""

import io
import os
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from common import show_table, talk, work_folder
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tfgen
from tfgen.modalities.audio.wav import wav_of
from tfgen.modalities.image.preview import save_png
from tfgen.trust.provenance import GENERATED, write_marked

MOST_SECONDS = 10.0  # of a processor, for 1,000 pictures
FACTS = {
    "Software": "tfgen", "Source": GENERATED, "run": "digits-gan", "model": "gan", "prompt": "seven",
    "provenance": "signed",
}  # fmt: skip


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run one bench, or both."""
    if context.invoked_subcommand is None:
        outcomes = [context.invoke(command) for command in (tampered, speed)]
        sys.exit(not all(outcomes))


@main.result_callback()
def _end(whole: bool | None, **_) -> None:
    sys.exit(not whole)


# Tampered.


def _picture(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    save_png(path.with_suffix(".png"), pixels, {**FACTS, "seed": str(seed)})


def _sound(path: Path, seed: int) -> None:
    facts = {**FACTS, "seed": str(seed)}
    samples = np.random.default_rng(seed).uniform(-1, 1, 2000)
    write_marked(path.with_suffix(".wav"), wav_of(samples, 8000, facts), facts)


def _table(path: Path, seed: int) -> None:
    lines = [f"{age},yes\n" for age in np.random.default_rng(seed).integers(18, 90, 50)]
    path = path.with_suffix(".csv")
    write_marked(path, ("age,smoker\n" + "".join(lines)).encode(), {**FACTS, "seed": str(seed)})


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Codes and bodies."""
    found, place = [], 8
    while place < len(png):
        length = struct.unpack(">I", png[place : place + 4])[0]
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """With sound checksums, as a careful forger writes it."""
    parts = [
        struct.pack(">I", len(body)) + code + body + struct.pack(">I", zlib.crc32(code + body)) for code, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _another_picture(path: Path, draw: random.Random) -> None:
    """One pixel of the picture differs, all that is said of it is kept, and the manifest is put back."""
    whole = _chunks(path.read_bytes())
    image = Image.open(path)
    said = PngInfo()
    for name, text in image.info.items():
        if isinstance(text, str):
            said.add_itxt(name, text)
    place = draw.randrange(28), draw.randrange(28)
    image.putpixel(place, image.getpixel(place) ^ 1)
    content = io.BytesIO()
    image.save(content, format="PNG", pnginfo=said)
    first, *others = _chunks(content.getvalue())
    path.write_bytes(_png([first, *(each for each in whole if each[0] == b"caBX"), *others]))


def _another_prompt(path: Path, draw: random.Random) -> None:
    """The words that the file says of itself."""
    _replace(path, b"iTXt")


def _another_signed_prompt(path: Path, draw: random.Random) -> None:
    _replace(path, b"caBX")


def _replace(path: Path, wanted: bytes) -> None:
    """Another prompt in the chunks with this code."""
    whole = _chunks(path.read_bytes())
    changed = [(code, body.replace(b"seven", b"eight") if code == wanted else body) for code, body in whole]
    path.write_bytes(_png(changed))


def _cut_out(path: Path, draw: random.Random) -> None:
    path.write_bytes(_png([each for each in _chunks(path.read_bytes()) if each[0] != b"caBX"]))


def _truncated(path: Path, draw: random.Random) -> None:
    """Somewhere behind the first tenth of it."""
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content) // 10, len(content) - 1)])


def _another_sample(path: Path, draw: random.Random) -> None:
    """One bit of a sound, or of a cell."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"data") + 8 if path.suffix == ".wav" else 11
    end = begin + 4000 if path.suffix == ".wav" else len(content)
    content[draw.randrange(begin, end)] ^= 1 << draw.randrange(7)
    path.write_bytes(content)


def _another_s_sidecar(path: Path, draw: random.Random) -> None:
    other = path.with_name("other")
    _table(other, draw.randrange(10**6, 10**9))
    other.with_name("other.csv.c2pa").replace(path.with_name(f"{path.name}.c2pa"))


def _row_added(path: Path, draw: random.Random) -> None:
    path.write_bytes(path.read_bytes() + b"44,no\n")


TAMPERED: dict[str, tuple[Callable, Callable]] = {
    "a pixel, and the manifest put back": (_picture, _another_picture),
    "what a picture says of itself": (_picture, _another_prompt),
    "what was signed": (_picture, _another_signed_prompt),
    "the manifest cut out": (_picture, _cut_out),
    "a picture cut off": (_picture, _truncated),
    "a bit of a sound": (_sound, _another_sample),
    "a sound cut off": (_sound, _truncated),
    "a bit of a table": (_table, _another_sample),
    "a row added": (_table, _row_added),
    "the manifest of another table": (_table, _another_s_sidecar),
}


def _of_people(folder: Path, each: int) -> dict[str, list[Path]]:
    """Files that no model made, of four sorts."""
    chance = np.random.default_rng(7)
    found: dict[str, list[Path]] = {}
    for place in range(each):
        pixels = Image.fromarray(chance.integers(0, 256, (28, 28), dtype=np.uint8))
        plain, pretending, pasted = (folder / f"{name}-{place}.png" for name in ("plain", "pretending", "pasted"))
        pixels.save(plain)
        said = PngInfo()
        for name, text in {**FACTS, "provenance": "off"}.items():
            said.add_itxt(name, text)
        pixels.save(pretending, pnginfo=said)
        _picture(folder / "made", place)
        manifest = [each for each in _chunks((folder / "made.png").read_bytes()) if each[0] == b"caBX"]
        first, *others = _chunks(plain.read_bytes())
        pasted.write_bytes(_png([first, *manifest, *others]))
        text = folder / f"text-{place}.txt"
        text.write_text(f"Letter {place}, by a person.\n", encoding="utf-8")
        sorts = {"pictures": plain, "that say of themselves that tfgen made them": pretending,
                 "with the manifest of another": pasted, "texts": text}  # fmt: skip
        for name, path in sorts.items():
            found.setdefault(name, []).append(path)
    return found


@main.command()
@click.option("--each", default=25, show_default=True, help="Files of each way.")
@click.option("--seed", default=0, show_default=True, help="Of the places.")
def tampered(each: int, seed: int) -> bool:
    """Change files that were signed, and look whether each is told; and look at files of people."""
    draw, whole = random.Random(seed), True
    with work_folder("provenance") as folder:
        os.environ["TFGEN_CONFIG"] = str(folder / "config")
        rows = []
        for name, (write, change) in TAMPERED.items():
            states, told = Counter[str](), 0
            for place in range(each):
                path = folder / f"{place}"
                write(path, place)
                (path,) = (one for one in folder.glob(f"{place}.*") if one.suffix != ".c2pa")
                before = tfgen.verify(path).state
                change(path, draw)
                found = tfgen.verify(path)
                told += before == "own" and (found.changed or "its mark is gone" in found.reason)
                states[found.state if before == "own" else f"{before} before"] += 1
                for left in folder.glob(f"{place}.*"):
                    left.unlink()
            rows.append([name, str(states.total()), str(told), _words(states)])
            whole = whole and told == states.total()
        talk("Changed since they were signed:")
        show_table(["what was changed", "files", "told", "states"], rows)
        rows = []
        for name, paths in _of_people(folder, 2 * each).items():
            found = [tfgen.verify(path) for path in paths]
            called = sum(bool(one.generated) for one in found)
            rows.append([name, str(len(found)), str(called), _words(Counter(one.state for one in found))])
            whole = whole and not called
        talk("Of people:")
        show_table(["files", "count", "called made by a model", "states"], rows)
    return whole


def _words(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items())


# Speed.


@main.command()
@click.option("--count", default=1000, show_default=True, help="Pictures.")
@click.option("--side", default=28, show_default=True, help="Of a picture, in pixels.")
@click.option("--rounds", default=3, show_default=True, help="Of each, by turns.")
def speed(count: int, side: int, rounds: int) -> bool:
    """Write pictures with and without a signature, by turns."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    seconds: dict[str, list[float]] = {"signed": [], "off": []}
    processor: dict[str, list[float]] = {"signed": [], "off": []}
    with work_folder("provenance") as folder:
        os.environ["TFGEN_CONFIG"] = str(folder / "config")
        begin = time.perf_counter()
        save_png(folder / "first.png", pixels[0], FACTS)
        first = time.perf_counter() - begin
        for _ in range(rounds):
            for name, taken in seconds.items():
                begin, worked = time.perf_counter(), time.process_time()
                for place, each in enumerate(pixels):
                    save_png(folder / f"{place}.png", each, {**FACTS, "seed": str(place), "provenance": name})
                taken.append(time.perf_counter() - begin)
                processor[name].append(time.process_time() - worked)
        size = {name: 0 for name in seconds}
        for name in seconds:
            save_png(folder / "a.png", pixels[0], {**FACTS, "provenance": name})
            size[name] = (folder / "a.png").stat().st_size
    best, worked = ({name: min(taken) for name, taken in kind.items()} for kind in (seconds, processor))
    rows = [
        [f"{count} pictures, {name}", f"{best[name]:.2f}", f"{worked[name]:.2f}", str(size[name])] for name in seconds
    ]
    more = [1000 * (kind["signed"] - kind["off"]) / count for kind in (best, worked)]
    rows.append(["a signature, ms", *(f"{each:.2f}" for each in more), str(size["signed"] - size["off"])])
    rows.append(["the first, with a key made for it", f"{first:.2f}", "", ""])
    show_table(["", "s by the clock", "s of a processor", "bytes a file"], rows)
    return worked["signed"] <= MOST_SECONDS * count / 1000


if __name__ == "__main__":
    main()
