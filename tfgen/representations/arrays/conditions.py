"""What a model of arrays is told of prompts."""

from dataclasses import dataclass

from tfgen.representations.arrays.vocabulary import Vocabulary


@dataclass(frozen=True)
class Conditions:
    """What a model knows of prompts: each known prompt as word ids (from 1; 0 pads), and how often the data had it.

    in_order: whether the prompts are captions, whose words come in their order and may come twice.
    """

    vocabulary_size: int = 0
    prompt_words: tuple[tuple[int, ...], ...] = ()
    prompt_counts: tuple[int, ...] = ()
    in_order: bool = False

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Conditions":
        """What a vocabulary comes to; nothing for one without prompts."""
        if not vocabulary.prompts:
            return cls()
        words = tuple(tuple(int(word) for word in row) for row in vocabulary.table())
        return cls(len(vocabulary.words), words, vocabulary.counts, vocabulary.repeats)

    @property
    def longest(self) -> int:
        """How many word ids a prompt has at the most; at least 1, so that every input has a shape."""
        return len(self.prompt_words[0]) if self.prompt_words else 1
