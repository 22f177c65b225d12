"""Words of a text, whatever the model's tokens are: what variety and repetition are counted in."""

import re

# Words, of which a very long one is several; letters of writing without spaces by themselves; signs; ends of lines.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\w{1,20}|[^\w\s]|\n")


def words_of(text: str) -> list[str]:
    """The words and signs of a text in order; capitals don't count."""
    return _WORD.findall(text.lower())
