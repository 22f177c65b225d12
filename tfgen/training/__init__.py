"""Data and a model to a run: `tfgen.training.stage.fit` reads top to bottom."""
