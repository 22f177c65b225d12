"""What tfgen says when it can't go on: one sentence on what is wrong, one on what to do."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback and exits with 2."""

    exit_code = 2

    def __init__(self, what_is_wrong: str, what_to_do: str = ""):
        super().__init__(f"{what_is_wrong} {what_to_do}".strip())
        self.what_is_wrong = what_is_wrong
        self.what_to_do = what_to_do


class Failure(UserError):
    """Something broke that the user did not cause (a full disk, a diverged model); exits with 1."""

    exit_code = 1


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like `word`, best first; empty when none comes close."""
    by_lower_case = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), by_lower_case, n=count, cutoff=0.5)
    return [by_lower_case[match] for match in matches]


def unknown(kind: str, word: str, known: Iterable[str]) -> UserError:
    """The error for a name that isn't in a list: names the nearest, or all where the list is short."""
    known = list(known)
    matches = nearest(word, known, count=1)
    if matches:
        return UserError(f"No {kind} named '{word}'.", f"Did you mean '{matches[0]}'?")
    if not known:
        return UserError(f"No {kind} named '{word}'.", "There is none yet.")
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return UserError(f"No {kind} named '{word}'.", f"Choose one of: {shown}.")
