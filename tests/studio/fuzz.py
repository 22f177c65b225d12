"""Requests that no page would send."""

import json
import random

BODIES = [
    b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b"{}" * 9, b'{"a":' * 2000, b'{"n": NaN}', b'{"n": 1e999}',
]
VALUES = [None, -1, 0, 10**30, 1.5, "x", "", "\ud800", [], [[]], {}, {"a": 1}, True, "x" * 100_000, [None] * 50, 2**31]
KEYS = [
    "prompt", "n", "seed", "options", "version", "template", "best_of", "record", "records", "turns", "system", "k",
    "session", "round", "do", "picked", "name", "amount", "kind", "payload", "key", "event", "blind", "place", "to",
    "strength", "mine", "modal", "minutes", "upload", "data", "tflita", "password", "settings", "typical",
]
OF_A_RUN = [
    "generate", "variations", "chat", "download", "steer", "steer/x", "compare", "revert", "restore", "export",
]
OTHERS = [
    "/api/login", "/api/feedback", "/api/feedback/undo", "/api/fit", "/api/prompts", "/api/settings-of?name=a.png",
    "/api/jobs/x/stop", "/api/uploads?name=x", "/api/comparisons/x", "/api/nothing",
]


def malformed(count, runs, seed=7):
    """Pairs of an address and a body; none happens to begin a job."""
    chance = random.Random(seed)
    paths = [*OTHERS, *(f"/api/runs/{run}/{verb}" for run in runs for verb in OF_A_RUN)]
    for number in range(count):
        keys = chance.sample(KEYS, chance.randint(1, 6))
        body = json.dumps({key: chance.choice(VALUES) for key in keys}).encode()
        yield chance.choice(paths), chance.choice(BODIES) if number % 4 == 0 else body
