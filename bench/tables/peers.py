"""A peer learns a table of prepare.py: peers.py FILE SEED PEER [THREADS]

Trains on the training rows of the seed, predicts its test rows, and prints a line of JSON: `predictions`
(numbers; or for each row the probabilities of the classes in the order of their names), `seconds` of CPU time
and `wallSeconds` of both together without the reading of the file, and the `version`.

Every peer has its defaults. Categories are declared to those who know them, with the gaps as a category.
"""

import importlib.metadata
import json
import os
import pathlib
import sys
import time
import warnings

FILE, SEED, PEER = sys.argv[1:4]
THREADS = int(sys.argv[4]) if len(sys.argv) > 4 else 1
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(THREADS)  # before the libraries are loaded, which read it once

import numpy  # noqa: E402
import pandas  # noqa: E402

warnings.simplefilter("ignore")

MISSING = "(missing)"
# The bagged LightGBM: rounds without a better score on the fold, and the most rounds.
PATIENCE, MOST_ROUNDS, RATE = 50, 2000, 0.05


class Data:
    """The rows of a table as the peers take them."""

    def __init__(self, table, seed):
        self.seed = int(seed)
        self.numbers, self.categories = table["numbers"], table["categories"]
        columns = table["columns"]
        self.x = pandas.DataFrame(
            {name: pandas.Series(columns[name], dtype=float) for name in self.numbers}
            | {name: [cell or MISSING for cell in columns[name]] for name in self.categories}
        )
        self.is_regression = table["task"] == "regression"
        target = columns[table["target"]]
        if self.is_regression:
            self.y = numpy.array(target, float)
        else:
            self.y = numpy.unique(target, return_inverse=True)[1]
        self.parts = numpy.array(table["parts"][seed])
        self.training, self.test = self.parts >= 0, self.parts < 0

    def with_categories(self):
        """Returns the inputs with pandas' categories, those of the training rows: others count as missing."""
        known = {name: sorted(self.x.loc[self.training, name].unique()) for name in self.categories}
        return self.x.assign(
            **{name: pandas.Categorical(self.x[name], categories=known[name]) for name in known}
        )


def predict(model, data, x):
    return model.predict(x) if data.is_regression else model.predict_proba(x)


def fit_and_predict(model, data, x, **options):
    model.fit(x[data.training], data.y[data.training], **options)
    return predict(model, data, x[data.test])


def lightgbm(data):
    import lightgbm

    make = lightgbm.LGBMRegressor if data.is_regression else lightgbm.LGBMClassifier
    x = data.with_categories()
    return lambda: fit_and_predict(make(n_jobs=THREADS, verbose=-1, random_state=data.seed), data, x)


def lightgbm_bagged(data):
    """LightGBM trained once for each fold, which tells when to stop; the mean of the five predictions."""
    import lightgbm

    make = lightgbm.LGBMRegressor if data.is_regression else lightgbm.LGBMClassifier
    x = data.with_categories()

    def run():
        found = []
        for fold in range(data.parts.max() + 1):
            held_out = data.parts == fold
            learned = data.training & ~held_out
            model = make(
                n_jobs=THREADS,
                verbose=-1,
                random_state=data.seed,
                n_estimators=MOST_ROUNDS,
                learning_rate=RATE,
            )
            stopping = lightgbm.early_stopping(PATIENCE, verbose=False)
            validation = [(x[held_out], data.y[held_out])]
            model.fit(x[learned], data.y[learned], eval_set=validation, callbacks=[stopping])
            found.append(predict(model, data, x[data.test]))
        return numpy.mean(found, axis=0)

    return run


def xgboost(data):
    import xgboost

    make = xgboost.XGBRegressor if data.is_regression else xgboost.XGBClassifier
    x = data.with_categories()
    model = make(n_jobs=THREADS, random_state=data.seed, enable_categorical=True)
    return lambda: fit_and_predict(model, data, x)


def catboost(data):
    import catboost

    make = catboost.CatBoostRegressor if data.is_regression else catboost.CatBoostClassifier
    model = make(
        thread_count=THREADS,
        verbose=False,
        random_seed=data.seed,
        allow_writing_files=False,
        cat_features=data.categories,
    )
    return lambda: fit_and_predict(model, data, data.x)


def hist_gradient_boosting(data):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make = HistGradientBoostingRegressor if data.is_regression else HistGradientBoostingClassifier
    x = data.with_categories()
    return lambda: fit_and_predict(make(categorical_features="from_dtype", random_state=data.seed), data, x)


def linear(data):
    """Ridge regression or logistic regression; numbers standardized, gaps flagged, categories one-hot."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", max_categories=100, sparse_output=False)
    preparation = make_column_transformer((numbers, data.numbers), (categories, data.categories))
    if data.is_regression:
        ridge = make_pipeline(preparation, RidgeCV(alphas=numpy.logspace(-3, 3, 7)))
        model = TransformedTargetRegressor(ridge, transformer=StandardScaler())
    else:
        model = make_pipeline(preparation, LogisticRegression(max_iter=2000))
    return lambda: fit_and_predict(model, data, data.x)


# By the names of learners.js: the package whose version counts, and what makes the run.
PEERS = {
    "LightGBM": ("lightgbm", lightgbm),
    "XGBoost": ("xgboost", xgboost),
    "CatBoost": ("catboost", catboost),
    "HistGradientBoosting": ("scikit-learn", hist_gradient_boosting),
    "linear": ("scikit-learn", linear),
    "LightGBM bagged": ("lightgbm", lightgbm_bagged),
}

package, make_run = PEERS[PEER]
run = make_run(Data(json.loads(pathlib.Path(FILE).read_text()), SEED))
start, start_of_wall = time.process_time(), time.perf_counter()
predictions = run()
seconds, wall_seconds = time.process_time() - start, time.perf_counter() - start_of_wall
print(
    json.dumps(
        {
            "predictions": numpy.asarray(predictions, float).tolist(),
            "seconds": seconds,
            "wallSeconds": wall_seconds,
            "version": importlib.metadata.version(package),
        }
    )
)
