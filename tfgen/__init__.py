"""tfgen: train a generative model on your own data, steer it, judge it, ship it.

    import tfgen

    run = tfgen.fit("gan", "photos/", minutes=5)
    images = run.generate("cat", n=16, seed=7)

What is here is described in docs/python.md. It is imported when it is first used, so `import tfgen` is quick.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Failure", "Run", "UserError", "compare", "export_feedback", "fit", "import_feedback", "load", "open_data",
    "prompt", "prompt_versions", "remove_prompt", "runs", "save_prompt", "saved_prompts", "tag_prompt", "verify",
]

if TYPE_CHECKING:
    from tfgen.api import (
        Run, compare, export_feedback, fit, import_feedback, load, open_data, prompt, prompt_versions,
        remove_prompt, runs, save_prompt, saved_prompts, tag_prompt, verify,
    )
    from tfgen.errors import Failure, UserError


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tfgen' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module("tfgen.errors" if name in ("Failure", "UserError") else "tfgen.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
