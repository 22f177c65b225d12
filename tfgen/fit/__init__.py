"""Data and a model to a run: `tfgen.fit.stage.fit` reads top to bottom."""
