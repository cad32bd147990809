import datetime as dt

import mlflow
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from features.contract.errors import ContractError
from models.data.feature_matrix import check_name, read_matrix
from models.data.split import OUT_OF_TIME, side
from models.reporting.summary import training_lines
from models.settings import read_settings
from models.tracking.registry import resolve
from models.train.training import train_matrix

pytestmark = pytest.mark.slow

SETTINGS = read_settings(trials=0)
QUICK = SETTINGS.model_copy(
    update={"trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 60})}
)
ROWS = 1_500


def tables(rows=ROWS, seed=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    bad = rng.random(rows) < 1 / (1 + np.exp(2 - X[:, 0] + X[:, 1]))
    ids = [f"{i:05}" for i in range(rows)]
    features = pl.DataFrame({"id": ids, "income": X[:, 0], "debt": X[:, 1], "flag": X[:, 2] > 0})
    days = rng.integers(0, 547, rows)
    labels = pl.DataFrame(
        {
            "id": ids,
            "defaulted": bad,
            "date": [dt.date(2023, 1, 1) + dt.timedelta(days=int(d)) for d in days],
        }
    )
    return features, labels


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    features, labels = tables()
    features.write_csv(tmp_path / "x.csv")
    labels.write_csv(tmp_path / "y.csv")
    return tmp_path


def learn(folder, labels="y.csv", name="mine", features="x.csv", config=QUICK):
    return train_matrix(
        features=folder / features, labels=folder / labels, name=name, config=config
    )


def test_a_dated_matrix_is_split_by_time_and_registered_under_its_own_name(files):
    result = learn(files)
    assert result.by_time
    assert result.own
    assert result.label == "mine v1 (trained on own data)"
    assert set(result.figures["candidate"]) == {"trees_all", "scorecard_all"}
    assert result.figures["oot_auc"].max() > 0.75
    model, _ = resolve("models:/mine@champion")
    assert model.feature_names == ("income", "debt", "flag")
    client = mlflow.MlflowClient(f"sqlite:///{files}/m.db")
    assert [m.name for m in client.search_registered_models()] == ["mine"]
    with pytest.raises(ContractError, match="first-time-borrower@champion: not found"):
        resolve(None)


def test_the_card_of_a_matrix_speaks_of_rows_not_of_firms(files):
    result = learn(files)
    client = mlflow.MlflowClient(result.store)
    champion = client.get_model_version_by_alias("mine", "champion")
    page = mlflow.artifacts.load_text(f"runs:/{champion.run_id}/model_card.md")
    assert f"x.csv`: {ROWS:,} rows, 0 of them without a label." in page
    for word in ("firms have labels", "lender", "source covers", "approved applicants"):
        assert word not in page


def test_without_dates_the_slices_are_random_and_the_file_may_be_parquet(files):
    features, labels = tables()
    features.write_parquet(files / "x.parquet")
    labels.drop("date").sample(fraction=1, shuffle=True, seed=1).write_csv(files / "z.csv")
    result = learn(files, labels="z.csv", features="x.parquet")
    assert not result.by_time
    late = sum(side(i, QUICK.split) == OUT_OF_TIME for i in features["id"])
    assert result.counts["out_of_time_rows"] == late
    assert result.counts["labels_without_features"] == 0
    told = [line for line in training_lines(result) if "://" not in line]  # addresses stay whole
    assert max(map(len, told)) <= 80


def test_the_order_of_rows_changes_nothing(files):
    first = read_matrix(files / "x.csv", files / "y.csv").rows
    for name in ("x.csv", "y.csv"):
        pl.read_csv(files / name, infer_schema=False).reverse().write_csv(files / name)
    assert read_matrix(files / "x.csv", files / "y.csv").rows.equals(first)


def test_every_row_is_counted(files):
    _, labels = tables()
    more = pl.DataFrame({"id": ["x1", "x2"], "defaulted": [True, False]})
    some = labels.drop("date").with_columns(
        defaulted=pl.when(pl.int_range(pl.len()) < 100).then(None).otherwise("defaulted")
    )
    pl.concat([some, more]).write_csv(files / "z.csv")
    counts = learn(files, labels="z.csv").counts
    assert counts["rows"] == ROWS
    assert counts["dropped_not_observed"] == 100
    assert counts["labels_without_features"] == 2
    assert sum(counts[f"{s}_rows"] for s in ("train", "calibration", "out_of_time")) == ROWS - 100


def change(folder, file, **columns):
    table = pl.read_csv(folder / file, infer_schema=False).with_columns(**columns)
    table.write_csv(folder / file)


WRONG = {
    "typing error": (
        "x.csv",
        {"income": pl.when(pl.col("id") == "00007").then(pl.lit("high")).otherwise("income")},
        r"income: expected numbers, got 'high' and the like in 1 rows.*--missing",
    ),
    "free text": ("x.csv", {"income": "t" + pl.col("id")}, r"1500 different words, such as 't0"),
    "empty": ("x.csv", {"debt": pl.lit(None)}, r"debt: empty in all 1500 rows.*exclude"),
    "label": ("x.csv", {"defaulted": pl.lit(1)}, r"defaulted is among the features"),
    "word": ("y.csv", {"defaulted": pl.lit("maybe")}, r"got 'maybe' and the like in 1500 rows"),
    "date": ("y.csv", {"date": pl.lit("3.4.2025")}, r"expected dates as 2025-03-31"),
    "twice": ("y.csv", {"id": pl.lit("a")}, r"1 ids stand more than once, first 'a'"),
    "strangers": ("y.csv", {"id": "b" + pl.col("id")}, r"none of its 1500 rows labels one"),
    "all good": ("y.csv", {"defaulted": pl.lit("0")}, r"all 1,500 labelled rows are good"),
    "all bad": ("y.csv", {"defaulted": pl.lit("1")}, r"all 1,500 labelled rows are bad"),
    "infinite": ("x.csv", {"debt": pl.lit("inf")}, r"debt: infinite in some rows"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_nothing_registered(files, case):
    file, columns, message = WRONG[case]
    change(files, file, **columns)
    with pytest.raises(ContractError, match=message):
        learn(files)
    store = f"sqlite:///{files}/m.db"
    client = mlflow.MlflowClient(store, store)
    assert client.search_registered_models() == []


def test_a_missing_column_and_file_are_said(files):
    pl.read_csv(files / "x.csv").rename({"id": "key"}).write_csv(files / "no.csv")
    with pytest.raises(ContractError, match="column id is missing, it has key, income, debt and"):
        learn(files, features="no.csv")
    with pytest.raises(ContractError, match=r"none\.csv: no such file"):
        learn(files, features="none.csv")


def test_an_excluded_column_is_left_out(files):
    change(files, "x.csv", debt=pl.lit(None))
    config = QUICK.model_copy(update={"exclude": ("debt",)})
    assert "debt" not in read_matrix(files / "x.csv", files / "y.csv", exclude=["debt"]).names
    assert learn(files, config=config).counts["features"] == 2


@pytest.mark.parametrize("name", ["first-time-borrower", "First-Time-Borrower-2"])
def test_this_products_name_is_refused(files, name):
    with pytest.raises(ContractError, match="kept for models of this product's own features"):
        learn(files, name=name)
    assert not (files / "m.db").exists()


@pytest.mark.parametrize("name", ["", "a/b", "a:b", ".x", "x" * 81])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ContractError, match="expected up to 80 letters"):
        check_name(name)


def test_a_name_that_another_kind_of_model_holds_is_refused(files):
    store = f"sqlite:///{files}/m.db"
    client = mlflow.MlflowClient(store, store)
    client.create_registered_model("mine")
    (files / "other").mkdir()
    client.create_model_version("mine", (files / "other").as_uri())
    with pytest.raises(ContractError, match="'mine' is none of ours"):
        learn(files)
    assert len(client.search_model_versions("name = 'mine'")) == 1
    assert client.get_registered_model("mine").aliases == {}


@pytest.mark.parametrize(
    "spelling",
    [
        {"income": pl.format("{}", pl.col("income")), "separator": ";"},
        {"encoding": "gb18030"},
        {"flag": pl.col("flag").replace_strict({"true": "YES", "false": "no"})},
        {"index": True},
    ],
)
def test_the_spellings_of_other_programs_change_nothing(files, spelling):
    first = read_matrix(files / "x.csv", files / "y.csv").rows
    table = pl.read_csv(files / "x.csv", infer_schema=False)
    table = table.with_columns(**{k: v for k, v in spelling.items() if isinstance(v, pl.Expr)})
    if spelling.get("index"):
        table = table.insert_column(0, pl.Series("", [str(k) for k in range(table.height)]))
    text = table.write_csv(separator=spelling.get("separator", ","))
    (files / "x.csv").write_bytes(text.encode(spelling.get("encoding", "utf-8")))
    assert read_matrix(files / "x.csv", files / "y.csv").rows.equals(first)


def test_words_and_codes_for_missing(files):
    features, _ = tables()
    income = [None, None, None, None, None, *features["income"].to_list()[5:]]
    expected = features.with_columns(income=pl.Series(income))
    words = ["NA", "?", "NULL", "-999", "-999.0", *map(str, features["income"].to_list()[5:])]
    features.with_columns(income=pl.Series(words)).write_csv(files / "m.csv")
    expected.write_csv(files / "e.csv")
    read = read_matrix(files / "m.csv", files / "y.csv", missing_codes=["-999"]).rows
    assert read.equals(read_matrix(files / "e.csv", files / "y.csv").rows)


def test_labels_as_words_and_dates_in_common_formats(files):
    first = read_matrix(files / "x.csv", files / "y.csv").rows
    day = pl.col("date").str.to_date().dt
    change(
        files,
        "y.csv",
        defaulted=pl.col("defaulted").replace_strict({"true": "Bad", "false": "好"}),
        date=day.strftime("%Y/%-m/%-d"),
    )
    assert read_matrix(files / "x.csv", files / "y.csv").rows.equals(first)


RESERVED = ["date", "as_of", "approved", "firm_id", "slice", "labelled", "order_", "application_id"]


def test_a_matrix_as_people_have_them_is_trained_and_served(files):
    """Categories, whole numbers, columns with gaps, and names that a training uses itself."""
    features, labels = tables()
    rng = np.random.default_rng(9)
    grade = np.where(
        labels["defaulted"],
        rng.choice(["low", "middle", "high"], ROWS, p=[0.1, 0.3, 0.6]),
        rng.choice(["low", "middle", "high"], ROWS, p=[0.6, 0.3, 0.1]),
    )
    grade[:20] = "NULL"
    extra = {name: rng.normal(size=ROWS) for name in [*RESERVED, "sector", "sources_covered"]}
    gaps = pl.when(pl.int_range(pl.len()) % 9 == 0).then(None).otherwise("debt")
    features.with_columns(
        debt=gaps,
        count=pl.int_range(pl.len()) % 7,
        grade=pl.Series(grade),
        **{name: pl.Series(values) for name, values in extra.items()},
    ).write_csv(files / "g.csv")
    result = learn(files, features="g.csv")
    assert "'grade' is a category of 3 words, coded by their default rates" in result.notes
    assert any("'date' has a name that a training uses itself" in note for note in result.notes)
    address = f"models:/mine@{result.alias}"
    model, _ = resolve(address)
    assert model.levels == {"grade": ("low", "middle", "high")}
    assert set(model.columns.values()) == set(extra)

    served = mlflow.pyfunc.load_model(address)
    rows = pl.DataFrame(
        {
            **dict.fromkeys(["income", "debt", "flag", "count", *extra], [0] * 4),
            "grade": ["low", "middle", "high", None],
        }
    ).to_pandas()
    pd = served.predict(rows)["pd"]
    assert pd[0] < pd[1] < pd[2]
    rows.loc[0, "grade"] = "unheard of"
    with pytest.warns(UserWarning, match="grade: unheard of stood in no row of the training"):
        again = served.predict(rows)["pd"]
    assert again[0] == pd[3]
    rows = rows.assign(grade="low")
    gone = served.predict(rows.drop(columns="debt"))["pd"]
    assert gone.tolist() == served.predict(rows.assign(debt=np.nan))["pd"].tolist()
    with pytest.raises(mlflow.exceptions.MlflowException, match="count"):
        served.predict(rows.drop(columns="count"))


def test_few_rows_some_parted_cleanly_train(files):
    """Groups of few rows, some all bad: an interval beside the rate, and no finite slope."""
    rows = 150
    x = np.arange(rows) * 37 % 101
    ids = {"id": [str(k) for k in range(rows)]}
    pl.DataFrame({**ids, "x": x}).write_csv(files / "s.csv")
    pl.DataFrame({**ids, "defaulted": (x > 70).astype(int)}).write_csv(files / "t.csv")
    result = learn(files, features="s.csv", labels="t.csv", config=SETTINGS)
    assert result.version == "1"
    assert training_lines(result)


def test_nested_and_deep_parquet_is_refused_in_one_line(files):
    deep, value = pa.string(), "x"
    for _ in range(900):
        deep, value = pa.struct([("a", deep)]), {"a": value}
    table = pa.table({"id": ["1"], "x": pa.array([value], type=deep)})
    parquet.write_table(table, files / "d.parquet")
    with pytest.raises(ContractError, match="x: expected numbers or words, got"):
        read_matrix(files / "d.parquet", files / "y.csv")
