"""How often a text's encoding is guessed rightly, by language and length, on what Debian's packages have translated.

In an empty folder: apt-get download iso-codes manpages-{cs,da,de,el,es,fi,fr,hu,it,nb,nl,pl,pt-br,ro,ru,sv,uk,tr};
for each file of them: dpkg -x FILE unpacked. Then: scripts/bench/encodings.py unpacked
"""

import gettext
import gzip
import random
import re
from collections import Counter
from pathlib import Path

import click

from tfgen.data.encodings import encoding_of

LANGUAGES = {
    **dict.fromkeys(("de", "fr", "es", "pt_BR", "it", "da", "sv"), ("cp1252", "mac-roman", "cp850")),
    **dict.fromkeys(("nb", "fi"), ("cp1252", "cp850")),
    **dict.fromkeys(("nl", "is", "ca"), ("cp1252",)),
    **dict.fromkeys(("pl", "cs", "hu", "hr"), ("cp1250", "iso8859-2", "cp852")),
    **dict.fromkeys(("ro", "sk", "sl"), ("cp1250", "iso8859-2")),
    **dict.fromkeys(("uk",), ("cp1251", "cp866")),
    **dict.fromkeys(("lt", "lv"), ("cp1257",)),
    **dict.fromkeys(("bg", "sr"), ("cp1251",)),
    **dict.fromkeys(("ar", "fa"), ("cp1256",)),
    "tr": ("cp1254", "cp857"), "et": ("cp1252", "cp1257"), "ru": ("cp1251", "koi8-r", "cp866"), "el": ("cp1253",),
    "he": ("cp1255",), "th": ("cp874",), "ja": ("cp932", "euc_jp"), "zh_CN": ("gb18030",), "zh_TW": ("big5",),
    "ko": ("cp949",),
}  # fmt: skip
LENGTHS = {1: 40, 5: 40, 50: 16}  # lines of an excerpt, and how many excerpts
WITHOUT_COMMAS = str.maketrans("șțȘȚ", "şţŞŢ")  # as Romanian was written before Unicode


def manual_lines(unpacked: Path, language: str) -> list[str]:
    lines = []
    for path in sorted(unpacked.glob(f"usr/share/man/{language}/man*/*.gz"))[:150]:
        text = gzip.open(path).read().decode("utf-8", "replace")
        plain = "\n".join(line for line in text.splitlines() if not line.startswith((".", "'", "\\")))
        lines += [line for line in re.sub(r"\\f[A-Z]|\\\(..|\\[-&]|\\", "", plain).splitlines() if len(line) > 30]
    return lines


def names(unpacked: Path, language: str) -> list[str]:
    found = []
    for catalog in ("iso_3166-1", "iso_639-3", "iso_3166-2"):
        for path in unpacked.glob(f"usr/share/locale/{language}/LC_MESSAGES/{catalog}.mo"):
            with path.open("rb") as file:
                translated = gettext.GNUTranslations(file)._catalog
            found += [name for key, name in translated.items() if key and isinstance(name, str) and not name.isascii()]
    return found


@click.command()
@click.argument("unpacked", type=click.Path(exists=True, file_okay=False, path_type=Path))
def measure(unpacked: Path) -> None:
    """Prints how many excerpts of 1, 5 and 50 lines read as they were written."""
    totals: Counter = Counter()
    for language, encodings in LANGUAGES.items():
        pools = [pool for pool in (names(unpacked, language), manual_lines(unpacked, language)) if pool]
        for encoding in encodings:
            cells = []
            for length, count in LENGTHS.items():
                draw, right, tried, wrong = random.Random(7), 0, 0, Counter()
                for number in range(count):
                    pool = pools[number % len(pools)]
                    start = draw.randrange(max(1, len(pool) - 40 * length))
                    text = "\n".join([*pool[start : start + length], ""])
                    content = text.translate(WITHOUT_COMMAS).encode(encoding, "ignore")
                    if content.isascii():
                        continue
                    guess = encoding_of(content)
                    is_right = content.decode(guess, "replace") == content.decode(encoding)
                    right, tried, wrong = right + is_right, tried + 1, wrong + Counter([guess] * (not is_right))
                cells.append(f"{right:3d} of {tried:3d} {dict(wrong.most_common(2)) or ''}")
                totals[length, "right"] += right
                totals[length, "tried"] += tried
            click.echo(f"{language:6s} {encoding:10s} {' | '.join(cells)}")
    for length in LENGTHS:
        click.echo(f"{length} lines: {totals[length, 'right']} of {totals[length, 'tried']}")


if __name__ == "__main__":
    measure()
