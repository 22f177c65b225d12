"""What is learned on one device and on several: a name, and model, data and settings."""

SLOWLY = {"learning_rate": 1e-5}  # else a GAN takes what was rounded otherwise elsewhere within a few steps
CASES = {
    "gan-digits": ("gan", "digits", SLOWLY),
    "gan-changed": ("gan", "digits", {**SLOWLY, "augment": "translation,cutout", "tile": True, "r2": 0.5}),
    "gan-penalty": ("gan", "digits", {**SLOWLY, "loss": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0}),
    "vae-digits": ("vae", "digits", SLOWLY),
    "gpt-text": ("gpt", "shakespeare", {"dropout": 0.0}),
    "gpt-rows": ("gpt", "insurance", {"dropout": 0.0, "learning_rate": 1e-4}),
    "vae-rows": ("vae", "insurance", {}),
    "gan-rows": ("gan", "insurance", {}),
    "vae-sets": ("vae", "corner-shop", {"dropout": 0.0}),
    "gpt-sets": ("gpt", "corner-shop", {"dropout": 0.0}),
    "private-vae-rows": ("vae", "insurance", SLOWLY),
    "private-gpt-rows": ("gpt", "insurance", {**SLOWLY, "dropout": 0.0}),
}
