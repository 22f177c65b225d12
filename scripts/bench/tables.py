"""Tables: how like the real rows those of each model are, judged by sdmetrics and by boosting, and how quickly.

    python scripts/bench/tables.py DATA [likeness] [small] [stays] [conditions] [rare] [wide] [peers] [--model NAME]...

DATA is a folder with adult/, insurance/, german_credit/, breast_cancer_wisconsin/, bank_additional/, diabetes130/ and
covid_testing/, as UCI and the textbooks have them.

likeness: Adult, fitted to 32,561 rows and judged by 16,281: sdmetrics' quality; F1 and area under the curve of boosting
that learned samples, beside real rows; whether boosting tells samples from held-out rows; black-box membership;
seconds.
small: insurance, German credit and breast cancer, 70 % to fit: quality, F1 or R2, the share of the rarer class, and how
well the model's own likelihood tells learned rows from others.
stays: 3,000 made-up stays in a hospital: the length between two dates, and how it goes with what it costs.
conditions: ten on Adult, of .5 % to 20 % of the rows: how far the other columns are from those of real rows under them
(mean total variation), beside what rejection gives; the share that is told, beside the real one; ranges.
rare: whether rows of the rare class beside 200 real rows of the bank's raise its F1, ten splits.
wide: diabetes130 (50 columns) from the file to rows, with the peak of memory; covid_testing and its constraints; 150
columns.
peers: the `ctgan` package's TVAE and CTGAN on Adult, 300 epochs; long.

The judge (sdmetrics) and the peers are installed once into environments of their own.
"""

import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from common import TORCH, kept_environment, must, show_table, talk, tfgen, work_folder

PARTS = ("likeness", "small", "stays", "conditions", "rare", "wide", "peers")
MODELS = ("gpt", "vae", "gan")
SDMETRICS = ("sdmetrics==0.32.0", "scikit-learn")
PEERS = ("ctgan==0.12.1", "sdmetrics==0.32.0", "scikit-learn")
ADULT = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race sex capital_gain "
    "capital_loss hours_per_week native_country income"
).split()
SMALL = {
    "insurance": ("insurance/insurance.csv", "charges", None),
    "credit": ("german_credit/credit.csv", "default", None),
    "cancer": ("breast_cancer_wisconsin/wisc_bc_data.csv", "diagnosis", "id"),
}
CONDITIONS = (
    "income=>50K", "education=Masters", "sex=Female, income=>50K", "age=17..20", "marital_status=Widowed",
    "workclass=Federal-gov", "race=Black, sex=Male", "hours_per_week=50..60, income=>50K", "native_country=Mexico",
    "education=Doctorate|Prof-school",
)

JUDGE = '''
import json, sys
import numpy as np, pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import f1_score, r2_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

real, made, test, target = sys.argv[1:5]
real, made, test = (pd.read_csv(path) for path in (real, made, test))
made = made[real.columns]
words = [name for name in real if str(real[name].dtype) in ("object", "str")]
about = {"columns": {name: {"sdtype": "categorical" if name in words or name == target and real[name].nunique() < 10
                            else "numerical"} for name in real}}
report = QualityReport()
report.generate(real, made, about, verbose=False)
shapes, pairs = report.get_properties()["Score"]
found = {"quality": report.get_score(), "shapes": shapes, "pairs": pairs}
known = {name: sorted(set(real[name].dropna().astype(str)) | set(test[name].dropna().astype(str))) for name in words}

def coded(rows):
    rows = rows.copy()
    for name in words:
        rows[name] = pd.Categorical(rows[name].astype(str), categories=known[name]).codes
    return rows.apply(pd.to_numeric)

inputs = [name for name in real if name != target]
mask = [name in words and len(known[name]) < 250 for name in inputs]
is_number = about["columns"][target]["sdtype"] == "numerical"
tests = coded(test)
for name, rows in (("real", real), ("made", made)):
    rows = coded(rows)
    if is_number:
        learned = HistGradientBoostingRegressor(random_state=0, categorical_features=mask)
        learned.fit(rows[inputs], rows[target])
        found[f"r2_{name}"] = r2_score(tests[target], learned.predict(tests[inputs]))
    else:
        learned = HistGradientBoostingClassifier(random_state=0, categorical_features=mask)
        learned.fit(rows[inputs], rows[target])
        found[f"f1_{name}"] = f1_score(tests[target], learned.predict(tests[inputs]), average="macro")
        if tests[target].nunique() == 2:
            found[f"auc_{name}"] = roc_auc_score(tests[target], learned.predict_proba(tests[inputs])[:, 1])
count = min(len(test), len(made))
both = pd.concat([coded(test)[:count], coded(made)[:count]])
which = np.repeat([0, 1], count)
everything = [name in words and len(known[name]) < 250 for name in both]
judge = HistGradientBoostingClassifier(random_state=0, categorical_features=everything)
guessed = cross_val_predict(judge, both, which, cv=3, method="predict_proba")[:, 1]
found["detectability"] = roc_auc_score(which, guessed)

def apart(rows, others):
    """The distance of each row to its nearest other, by ranks of numbers and equality of words."""
    sides = []
    for name in real:
        if name in words:
            sides.append((coded(rows)[name].to_numpy(), coded(others)[name].to_numpy(), True))
        else:
            ordered = np.sort(real[name].dropna().to_numpy(float))
            sides.append((*(np.searchsorted(ordered, side[name].to_numpy(float)) / len(ordered)
                            for side in (rows, others)), False))
    least = np.full(len(rows), np.inf)
    for start in range(0, len(others), 500):
        total = 0.0
        for one, other, equal in sides:
            part = other[start:start + 500]
            total = total + ((one[:, None] != part[None]) if equal else np.abs(one[:, None] - part[None]))
        least = np.minimum(least, total.min(axis=1))
    return least

few = min(len(test), len(real), 3000)
members, strangers = (-apart(rows.sample(few, random_state=0), made.head(20000)) for rows in (real, test))
found["membership"] = roc_auc_score(np.repeat([1, 0], few), np.concatenate([members, strangers]))
threshold = np.quantile(strangers, .99)
found["membership_at_1"] = float((members > threshold).mean())
print(json.dumps(found))
'''

PEER = '''
import json, sys, time
import pandas as pd
import ctgan
name, real, made, words, epochs = sys.argv[1:6]
rows = pd.read_csv(real)
began = time.time()
model = getattr(ctgan, name)(epochs=int(epochs))
model.fit(rows, json.loads(words))
seconds = time.time() - began
model.sample(len(rows)).to_csv(made, index=False)
print(json.dumps({"seconds": seconds}))
'''


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--model", "models", multiple=True, type=click.Choice(MODELS), default=MODELS)
@click.option("--epochs", default=300, help="Of the peers.")
def main(data: Path, parts: tuple[str, ...], models: tuple[str, ...], epochs: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    with work_folder("tables") as folder:
        for part in parts or PARTS[:-1]:
            talk(part)
            PART[part](data, folder, models, epochs)


def likeness(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    real, test = adult(data, folder)
    rows = []
    for model in models:
        made, seconds = fitted(model, real, folder, 32561)
        began = time.monotonic()
        must(tfgen("generate", folder / f"adult-{model}", "-n", 100_000, "-o", folder / "many.csv"))
        drawing = time.monotonic() - began
        found = judged(real, made, test, "income")
        rows.append([model, *(round(found[name], 4) for name in (
            "quality", "shapes", "pairs", "f1_real", "f1_made", "auc_made", "detectability", "membership",
            "membership_at_1")), round(seconds, 1), round(drawing, 1)])
    show_table(["model", "quality", "shapes", "pairs", "F1 real", "F1", "AUC", "C2ST", "MIA", "at 1 %", "fit s",
                "100,000 rows s"], rows)


def small(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    rows = []
    for name, (path, target, key) in SMALL.items():
        with open(data / path, newline="") as file:
            heading, *lines = list(csv.reader(file))
        keep = [place for place, column in enumerate(heading) if column != key]
        order = np.random.default_rng(1).permutation(len(lines))
        cut = round(0.7 * len(lines))
        real, test = folder / f"{name}.csv", folder / f"{name}-test.csv"
        for to, places in ((real, order[:cut]), (test, order[cut:])):
            write(to, [heading[at] for at in keep], [[lines[place][at] for at in keep] for place in places])
        for model in models:
            words = ("--set", f"column.{target}=category") if name != "insurance" else ()
            made, seconds = fitted(model, real, folder, 5000, *words)
            found = judged(real, made, test, target)
            score = "r2" if "r2_real" in found else "f1"
            members = told(folder / f"{name}-{model}", test) if model != "gan" else float("nan")
            rows.append([name, model, *(round(found[each], 3) for each in (
                "quality", f"{score}_real", f"{score}_made", "detectability")), round(members, 3),
                minority(real, made, target), round(seconds, 1)])
    show_table(["table", "model", "quality", "real", "made", "C2ST", "told by likelihood", "rarest, real and made",
                "fit s"], rows)


def stays(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    chance, lines = np.random.default_rng(0), []
    wards = {"surgery": (55, 2, 0.3), "medicine": (68, 3, 0.4), "children": (9, 1.2, 0.1), "heart": (71, 4, 0.2)}
    for _ in range(3000):
        ward = str(chance.choice(list(wards), p=[share for _, _, share in wards.values()]))
        age, length, _ = wards[ward]
        age = int(np.clip(chance.normal(age, 10), 0, 99))
        admitted = np.datetime64("2022-01-01") + int(chance.integers(0, 1095))
        days = int(1 + chance.gamma(2, length))
        cost = 700 * days + 300 + chance.normal(0, 600) + (2000 if ward == "heart" else 0)
        paid = admitted + days + int(chance.integers(5, 60)) if chance.random() < 0.85 else ""
        lines.append([ward, age, admitted, admitted + days, f"{max(cost, 100):.2f}", paid])
    write(folder / "stays.csv", ["ward", "age", "admitted", "discharged", "cost", "paid"], lines)
    rows = [["the data", *lengths(folder / "stays.csv")]]
    for model in models:
        made, _ = fitted(model, folder / "stays.csv", folder, 5000)
        rows.append([model, *lengths(made)])
    show_table(["rows of", "days, mean", "least", "correlation with the cost"], rows)


def conditions(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    from tfgen.data import open_data
    from tfgen.representations.rows.conditions import read_conditions
    from tfgen.representations.rows.sampler import RowSampler
    from tfgen.restore import load_model, open_codec
    from tfgen.run import Run

    real, _ = adult(data, folder)
    for model in models:
        if not (folder / f"adult-{model}").exists():
            fitted(model, real, folder, 10)
        run = Run.open(str(folder / f"adult-{model}"))
        codec, rows = open_codec(run), []
        sampler, examples = RowSampler(load_model(run), codec), open_data(str(real))
        many = sampler(np.arange(200_000, dtype=np.int32))
        for prompt in CONDITIONS:
            asked = read_conditions(codec, prompt)
            subset = examples.rows.take(asked.hold(codec, examples.rows))
            rejected = many.take(asked.hold(codec, many))
            made, share = sampler.drawn(np.arange(2000, dtype=np.int32), asked)
            count = min(len(rejected), 2000)
            rows.append([prompt, f"{len(subset) / len(examples.rows):.4f}", f"{share:.4f}",
                         round(variation(codec, subset, rejected.take(slice(0, count))), 4),
                         round(variation(codec, subset, made.take(slice(0, count))), 4), count,
                         int((~asked.hold(codec, made)).sum())])
        talk(model)
        show_table(["asked", "real share", "told", "rejection", "conditions", "rows", "broken"], rows)


def rare(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    """Ten splits: 200 real rows, a model fitted to them, its rows of the rare class beside them."""
    import gzip

    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import f1_score

    with gzip.open(data / "bank_additional" / "bank-additional-full.csv.gz", "rt", newline="") as file:
        heading, *lines = list(csv.reader(file, delimiter=";"))
    columns = list(zip(*lines))
    coded = np.stack([numbers(column) for column in columns], axis=1)
    table = {name: {text: code for text, code in zip(column, coded[:, at])} for at, (name, column) in enumerate(
        zip(heading, columns))}
    target, gains = heading.index("y"), []
    for split in range(10):
        order = np.random.default_rng(split).permutation(len(lines))
        few, test = order[:200], order[200:20200]
        path = folder / f"bank{split}.csv"
        write(path, heading, [lines[place] for place in few])
        must(tfgen("fit", "gpt", path, "-o", folder / f"bank{split}", "--set", "holdout=0.1"))
        wanted = int(200 - 2 * sum(lines[place][target] == "yes" for place in few))
        must(tfgen("generate", folder / f"bank{split}", "y=yes", "-n", wanted, "-o", folder / "rare.csv"))
        with open(folder / "rare.csv", newline="") as file:
            made = [[table[name].get(row.get(name, ""), _float(row.get(name, ""))) for name in heading]
                    for row in csv.DictReader(file)]
        score = []
        for more in ([], made):
            rows = np.concatenate([coded[few], np.array(more).reshape(-1, len(heading))])
            model = HistGradientBoostingClassifier(random_state=0)
            model.fit(np.delete(rows, target, axis=1), rows[:, target])
            guessed = model.predict(np.delete(coded[test], target, axis=1))
            score.append(f1_score(coded[test, target], guessed, pos_label=table["y"]["yes"]))
        gains.append(score)
        talk(f"split {split}: {score[0]:.3f} and {score[1]:.3f}")
    gains = np.array(gains)
    apart = gains[:, 1] - gains[:, 0]
    show_table(["F1 of 200 real rows", "with rare rows", "gain", "95 %"], [[
        round(gains[:, 0].mean(), 3), round(gains[:, 1].mean(), 3), round(apart.mean(), 3),
        round(2.26 * apart.std(ddof=1) / np.sqrt(len(apart)), 3)]])


def wide(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    rows = []
    chance = np.random.default_rng(0)
    base = chance.standard_normal([4000, 10])
    numbers_of = base @ chance.standard_normal([10, 150]) + 0.3 * chance.standard_normal([4000, 150])
    write(folder / "wide.csv", [f"x{at}" for at in range(150)], np.round(numbers_of, 2).tolist())
    sources = {
        "diabetes130": data / "diabetes130" / "diabetic_data.csv.gz",
        "covid_testing": data / "covid_testing" / "covid_testing_deid.csv",
        "150 columns": folder / "wide.csv",
    }
    for name, path in sources.items():
        run = folder / name.replace(" ", "-")
        began = time.monotonic()
        must(tfgen("fit", "gpt", path, "-o", run))
        fit = time.monotonic() - began
        must(tfgen("generate", run, "-n", 10_000, "-o", folder / "wide-rows.csv"))
        every = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        facts = json.loads(must(tfgen("data", folder / "wide-rows.csv", "--json")).stdout)
        first = json.loads(must(tfgen("data", path, "--json")).stdout)
        kept = set(first["constraints"]) <= set(facts["constraints"])
        rows.append([name, len(first["columns"]), round(fit, 1), round(every, 1), round(peak, 2),
                     f"{len(first['constraints'])}, {'all found again' if kept else 'not all found again'}"])
    show_table(["table", "columns", "fit s", "with 10,000 rows s", "peak GiB so far", "constraints"], rows)


def peers(data: Path, folder: Path, models: tuple[str, ...], epochs: int) -> None:
    real, test = adult(data, folder)
    python, rows = kept_environment("ctgan", TORCH, PEERS), []  # PyTorch first: else pip takes the build for CUDA
    words = [name for name in ADULT if name not in ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss",
                                                    "hours_per_week")]
    for name in ("TVAE", "CTGAN"):
        made = folder / f"{name}.csv"
        said = subprocess.run([python, "-c", PEER, name, real, made, json.dumps(words), str(epochs)], check=True,
                              capture_output=True, text=True).stdout
        found = judged(real, made, test, "income")
        wanted = ("quality", "shapes", "pairs", "f1_made", "detectability", "membership")
        rows.append([name, *(round(found[each], 4) for each in wanted), round(json.loads(said)["seconds"])])
        talk(" ".join(map(str, rows[-1])))
    show_table(["peer", "quality", "shapes", "pairs", "F1", "C2ST", "MIA", "fit s"], rows)


PART: dict[str, Callable] = {
    "likeness": likeness, "small": small, "stays": stays, "conditions": conditions, "rare": rare, "wide": wide,
    "peers": peers,
}


# What they share.


def adult(data: Path, folder: Path) -> tuple[Path, Path]:
    """The rows to fit and to test, with names, as CSV."""
    paths = []
    for name in ("adult.data", "adult.test"):
        lines = (data / "adult" / name).read_text().splitlines()
        rows = [line.rstrip(".").split(", ") for line in lines if line.count(",") == len(ADULT) - 1]
        write(folder / f"{name.replace('.', '-')}.csv", ADULT, rows)
        paths.append(folder / f"{name.replace('.', '-')}.csv")
    return paths[0], paths[1]


def fitted(model: str, real: Path, folder: Path, count: int, *words: str) -> tuple[Path, float]:
    """Rows of a model of this table, and the seconds of its fit, from the command to its end."""
    name = "adult" if real.stem.startswith("adult") else real.stem
    run, made = folder / f"{name}-{model}", folder / f"{name}-{model}.csv"
    began = time.monotonic()
    must(tfgen("fit", model, real, "-o", run, *words))
    seconds = time.monotonic() - began
    must(tfgen("generate", run, "-n", count, "-o", made))
    return made, seconds


def lengths(path: Path) -> tuple[float, int, float]:
    """Of stays: the mean length in days, the least, and its correlation with the cost."""
    with open(path, newline="") as file:
        found = [(np.datetime64(row["discharged"]) - np.datetime64(row["admitted"]), float(row["cost"]))
                 for row in csv.DictReader(file)]
    days, costs = np.array([days.astype(int) for days, _ in found]), np.array([cost for _, cost in found])
    return round(float(days.mean()), 2), int(days.min()), round(float(np.corrcoef(days, costs)[0, 1]), 3)


def judged(real: Path, made: Path, test: Path, target: str) -> dict:
    python = kept_environment("sdmetrics", SDMETRICS)
    finished = subprocess.run([python, "-W", "ignore", "-c", JUDGE, real, made, test, target], capture_output=True,
                              text=True)
    if finished.returncode:
        raise SystemExit(finished.stderr[-2000:])
    return json.loads(finished.stdout)


def told(run: Path, test: Path) -> float:
    """How often the model's likelihood is higher of a learned row than of another."""
    from tfgen.data import open_data
    from tfgen.evaluate.metrics.copying import auc
    from tfgen.evaluate.rows.metric_inputs import Likelihood
    from tfgen.restore import load_model, open_codec
    from tfgen.run import Run

    opened = Run.open(str(run))
    codec, ask = open_codec(opened), Likelihood(load_model(opened))
    own = open_data(opened.data_source(), **opened.data_settings())
    other = open_data(str(test), codec=str(run / "codec.json"), holdout=0.0)
    return auc(-ask(other.tokens), -ask(codec.encode(own.rows)[: own.training]))


def minority(real: Path, made: Path, target: str) -> str:
    """The share of the rarest class, in percent."""
    shares = []
    for path in (real, made):
        with open(path, newline="") as file:
            values = [row[target] for row in csv.DictReader(file)]
        if path == real:
            names, counts = np.unique(values, return_counts=True)
            if len(names) > 10:
                return "-"
            rarest = names[np.argmin(counts)]
        shares.append(100 * values.count(rarest) / len(values))
    return f"{shares[0]:.1f} {shares[1]:.1f}"


def variation(codec, one, other) -> float:
    """The mean total variation of the columns' tokens, numbers in at most ten bins."""
    apart = []
    for column in codec.learned:
        how = codec.encodings[column.name]
        tokens = [how.encode(rows.values[column.name]).astype(int) for rows in (one, other)]
        if column.is_numeric and how.size > 10:
            edges = np.unique(np.quantile(tokens[0], np.linspace(0, 1, 11)[1:-1]))
            tokens = [np.searchsorted(edges, each) for each in tokens]
        size = max(each.max() for each in tokens) + 1
        counts = [np.bincount(each, minlength=size) / len(each) for each in tokens]
        apart.append(0.5 * np.abs(counts[0] - counts[1]).sum())
    return float(np.mean(apart))


def numbers(column: tuple[str, ...]) -> np.ndarray:
    try:
        return np.array(column, float)
    except ValueError:
        return np.unique(column, return_inverse=True)[1].astype(float)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def write(path: Path, heading: list[str], rows: list[list]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
