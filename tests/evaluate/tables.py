"""Tables, and fakes of a run that learned one, for tests of what judges rows."""

from types import SimpleNamespace

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.evaluate import evaluator, stage, training_data
from tfgen.evaluate.rows import evaluator as row_evaluator
from tfgen.evaluate.rows.tables import as_table
from tfgen.representations.rows import sampler
from tfgen.representations.rows.columns import CATEGORY, INTEGER, NUMBER, Column, Rows


def people(count, seed=0):
    """Rows of which columns go together: age and wage, town, job, and whether they own a house; some wages missing."""
    generator = np.random.default_rng(seed)
    age = generator.integers(18, 80, count).astype(np.float64)
    job = generator.choice(5, count, p=[0.4, 0.3, 0.15, 0.1, 0.05]).astype(np.int32)
    wage = np.round(1000 + 40 * age + 500 * job + generator.normal(0, 300, count), 1)
    wage[generator.random(count) < 0.05] = np.nan
    town = ((job + generator.integers(0, 2, count)) % 6).astype(np.int32)
    town[generator.random(count) < 0.03] = -1
    owner = (age + 5 * job + generator.normal(0, 8, count) > 60).astype(np.int32)
    columns = (
        Column("age", INTEGER),
        Column("wage", NUMBER, decimals=1, missing=""),
        Column("job", CATEGORY, ("clerk", "<smith>", "cook", "judge", "king")),
        Column("town", CATEGORY, tuple("ABCDEF"), missing="?"),
        Column("owner", CATEGORY, ("no", "yes")),
    )
    values = {"age": age, "wage": wage, "job": job, "town": town, "owner": owner}
    return Rows(columns, values)


def shuffled(rows, seed=0):
    """Each column by itself."""
    generator = np.random.default_rng(seed)
    return Rows(rows.columns, {name: generator.permutation(values) for name, values in rows.values.items()})


def joined(first, second):
    values = {name: np.concatenate([each, second.values[name]]) for name, each in first.values.items()}
    return Rows(first.columns, values)


class Coded:
    """A codec: categories as they are, numbers by their rank in a hundred parts, missing as 0."""

    representation = "rows"

    def __init__(self, rows):
        self.columns = rows.columns
        self.known = {column.name: np.sort(values[~np.isnan(values)]) for column, values in rows if column.is_numeric}

    def encode(self, rows):
        found = []
        for column, values in rows:
            if column.is_numeric:
                known = self.known[column.name]
                part = 1 + (np.searchsorted(known, values) * 100 // (len(known) + 1))
                found.append(np.where(np.isnan(values), 0, part))
            else:
                found.append(values + 1)
        return np.stack(found, axis=1).astype(np.uint16)

    def to_json(self):
        return {"columns": [column.to_json() for column in self.columns]}

    def files(self):
        return {}


class Model:
    """What an evaluation asks of a model. `sample` gives rows for seeds; `likelihood`, if any, that of tokens."""

    def __init__(self, sample, likelihood=None):
        self.sample, self._likelihood = sample, likelihood
        self.step = SimpleNamespace(numpy=lambda: 7)

    def measurements(self):
        return {} if self._likelihood is None else {"likelihood": self._likelihood}

    def trained_variables(self):
        return [SimpleNamespace(shape=(3, 4))]


def counting(tokens):
    """Log-likelihoods by counts of each column alone."""
    import tensorflow as tf

    size = int(tokens.max()) + 2
    counts = np.stack([np.bincount(column, minlength=size) + 0.1 for column in tokens.T.astype(np.int64)])
    logarithms = tf.constant(np.log(counts / counts.sum(axis=1, keepdims=True)), tf.float32)
    return lambda rows: tf.reduce_sum(tf.gather(logarithms, tf.transpose(rows), batch_dims=1), axis=0)


def examples_of(rows, training, source="people.csv"):
    return SimpleNamespace(
        rows=rows, training=training, codec=Coded(rows), fingerprint=f"print of {source}", source=source,
        modality="text", representation="rows", report=None, place_in_source=lambda place: place,
    )


def run_of(monkeypatch, tmp_path, examples, model):
    """A run that learned these examples; samples are the model's."""
    monkeypatch.setattr(sampler, "RowSampler", lambda model, codec: model.sample)
    for module in (stage, training_data, row_evaluator):
        monkeypatch.setattr(module, "open_codec", lambda run: examples.codec)
    monkeypatch.setattr(training_data, "open_data", lambda *arguments, **options: examples)
    monkeypatch.setattr(evaluator, "load_model_and_checkpoint", lambda run: (model, "step-7"))
    monkeypatch.setattr(evaluator, "open_modality", lambda run: MODALITIES.load(run.record["modality"]))
    data = {"source": examples.source, "path": examples.source, "fingerprint": examples.fingerprint}
    record = {"modality": "text", "status": "finished", "model": "gpt", "data": data}
    return SimpleNamespace(
        name="people-gpt", title="people-gpt", path=tmp_path, results=tmp_path, record=record,
        history=lambda *names: [], data_source=lambda: examples.source, data_settings=dict,
    )


def table(rows):
    return as_table(rows)
