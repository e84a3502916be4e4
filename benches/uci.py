"""The NTK classifier beside random forests, SVMs and boosting, on many small sets of tabular data.

    python benches/uci.py FOLDER [--max-examples N] [--sets NAME ...] [--seed S] [--out FILE] [--table]

FOLDER holds sets in the form of Fernandez-Delgado et al. (2014): NAME.csv.gz with a header, standardised features and the class (from
0) as the last column, and NAME.folds.json.gz with eight lists of row numbers: train and test, four times. Sets that scikit-learn ships
are added, split in four by StratifiedKFold with the seed. All methods see the same standardised inputs and the same splits.

One line of JSON per set is appended to --out; sets that are there already, with the same seed, are not run again. --table only prints
what is there. Needs overparam and scikit-learn; set OMP_NUM_THREADS=1 and RAYON_NUM_THREADS=1 for times on one thread.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import overparam
from overparam.sklearn import NTKClassifier

SHIPPED: dict[str, Callable[..., Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}

#: Features are standardised, so that 1/d is the order of a good gamma.
COSTS, GAMMAS = 10.0 ** np.arange(-2, 5), 4.0 ** np.arange(-3, 3)


def svm(y: np.ndarray, d: int, seed: int) -> GridSearchCV:
    """C and gamma by inner cross-validation in three parts, stratified where every class has three examples."""
    inner = StratifiedKFold if np.unique(y, return_counts=True)[1].min() >= 3 else KFold
    grid = {"C": list(COSTS), "gamma": list(GAMMAS / d)}
    return GridSearchCV(SVC(kernel="rbf"), grid, cv=inner(3, shuffle=True, random_state=seed))


METHODS: dict[str, Callable[[np.ndarray, int, int], Any]] = {
    "NTK": lambda y, d, seed: NTKClassifier(),
    "random forest": lambda y, d, seed: RandomForestClassifier(500, random_state=seed),
    "RBF-SVM": svm,
    "boosting": lambda y, d, seed: HistGradientBoostingClassifier(random_state=seed),
}


class Set(NamedTuple):
    """Inputs, classes and splits into train and test."""

    x: np.ndarray
    y: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray]]


def read(folder: Path, name: str) -> Set:
    """A set of the folder."""
    with gzip.open(folder / f"{name}.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    with gzip.open(folder / f"{name}.folds.json.gz", "rt") as file:
        lists = [np.array(rows) for rows in json.load(file)]
    return Set(table[:, :-1], table[:, -1].astype(int), list(zip(lists[::2], lists[1::2])))


def shipped(name: str, seed: int) -> Set:
    """A set that scikit-learn ships."""
    x, y = SHIPPED[name](return_X_y=True)
    return Set(x, y, list(StratifiedKFold(4, shuffle=True, random_state=seed).split(x, y)))


def measure(data: Set, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Mean accuracy over the splits, and CPU seconds, per method."""
    accuracy, seconds = dict.fromkeys(METHODS, 0.0), dict.fromkeys(METHODS, 0.0)
    for train, test in data.splits:
        scaler = StandardScaler().fit(data.x[train])
        x, x_test, y = scaler.transform(data.x[train]), scaler.transform(data.x[test]), data.y[train]
        for name, method in METHODS.items():
            start = time.process_time()
            found = method(y, x.shape[1], seed).fit(x, y).predict(x_test)
            seconds[name] += time.process_time() - start
            accuracy[name] += float(np.mean(found == data.y[test])) / len(data.splits)
    return accuracy, seconds


def candidates(folder: Path, args: argparse.Namespace) -> Iterator[tuple[str, str, Set]]:
    """Group, name and data of the sets that are wanted, small ones first."""
    sets = [("folder", file.name.removesuffix(".csv.gz")) for file in folder.glob("*.csv.gz")]
    loaded = [(group, name, read(folder, name)) for group, name in sorted(sets)]
    loaded += [("scikit-learn", name, shipped(name, args.seed)) for name in SHIPPED]
    for group, name, data in sorted(loaded, key=lambda item: len(item[2].y)):
        if len(data.y) <= args.max_examples and (not args.sets or name in args.sets):
            yield group, name, data


def lines(path: Path, seed: int) -> list[dict[str, Any]]:
    """What was measured already, each set once; a line that was cut off is left out."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if line["seed"] == seed:
            found.setdefault((line["group"], line["set"]), line)
    return list(found.values())


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: one row per set, then means, wins, time, and how far the NTK is from each other method."""
    names = list(METHODS)
    out = ["| set | examples | features | classes | " + " | ".join(names) + " |", "|---|---|---|---|" + "---|" * len(names)]
    for line in sorted(results, key=lambda line: (line["group"], line["set"])):
        best = max(line["accuracy"].values())
        scores = [line["accuracy"][name] for name in names]
        marked = [f"**{100 * score:.1f}**" if score > best - 1e-9 else f"{100 * score:.1f}" for score in scores]
        label = line["set"] + (" (scikit-learn)" if line["group"] == "scikit-learn" else "")
        out.append(f"| {label} | {line['n']} | {line['d']} | {line['classes']} | " + " | ".join(marked) + " |")
    summary = []
    for group in sorted({line["group"] for line in results}):
        chosen = [line for line in results if line["group"] == group]
        scores = np.array([[100.0 * line["accuracy"][name] for name in names] for line in chosen])
        wins = (scores > scores.max(axis=1, keepdims=True) - 1e-7).sum(axis=0)
        cpu = np.array([[line["seconds"][name] for name in names] for line in chosen]).sum(axis=0)
        lead = scores[:, :1] - scores
        error = lead.std(axis=0, ddof=1) / np.sqrt(len(chosen)) if len(chosen) > 1 else np.full(len(names), np.inf)
        summary += [f"\n{len(chosen)} {'set' if len(chosen) == 1 else 'sets'} of {'the folder' if group == 'folder' else group}:\n"]
        summary += ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        summary += ["| mean accuracy, % | " + " | ".join(f"{mean:.2f}" for mean in scores.mean(axis=0)) + " |"]
        summary += ["| best or tied | " + " | ".join(str(win) for win in wins) + " |"]
        ahead = [f"{m:+.2f} ± {e:.2f}" for m, e in zip(lead.mean(axis=0)[1:], error[1:])]
        summary += ["| NTK ahead by, points ± standard error | | " + " | ".join(ahead) + " |"]
        summary += ["| CPU seconds | " + " | ".join(f"{t:.1f}" for t in cpu) + " |"]
    return "\n".join(summary + [""] + out)


def main() -> int:
    """Runs what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-examples", type=int, default=500, help="larger sets are left out (default: 500)")
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="these sets only")
    parser.add_argument("--seed", type=int, default=0, help="of forests, boosting, inner splits, and splits of scikit-learn's sets")
    parser.add_argument("--out", type=Path, default=Path("uci.jsonl"), help="results, one line per set (default: uci.jsonl)")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table of what is there")
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"{args.folder}: no such folder")
    # Rare classes: every inner split lacks some, and says so.
    warnings.filterwarnings("ignore", module="sklearn")
    if not args.table:
        for group, name, data in candidates(args.folder, args):
            # Read again each time: another run may write to the same file.
            if any((line["group"], line["set"]) == (group, name) for line in lines(args.out, args.seed)):
                continue
            accuracy, seconds = measure(data, args.seed)
            versions = {"overparam": overparam.__version__, "scikit-learn": sklearn.__version__}
            shape = {"n": len(data.y), "d": data.x.shape[1], "classes": len(np.unique(data.y))}
            line = {"group": group, "set": name, **shape, "seed": args.seed, "accuracy": accuracy, "seconds": seconds, **versions}
            with args.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(name, {method: round(100 * score, 1) for method, score in accuracy.items()}, file=sys.stderr, flush=True)
    results = lines(args.out, args.seed)
    if not results:
        parser.error("no results: no set of the folder is small enough, or none has the name given")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
