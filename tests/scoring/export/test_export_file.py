"""`firstloan export` as its user meets it."""

import duckdb
import pytest
from typer.testing import CliRunner

import firstloan
from features.contract.errors import ContractError
from models.estimators.model import save
from scoring.export.export_file import export_file

SQL = ["--to", "sql", "--dialect", "duckdb"]


@pytest.fixture
def card_folder(card_model, tmp_path):
    save(card_model, tmp_path / "card")
    return tmp_path / "card"


def run(*arguments):
    return CliRunner().invoke(firstloan.app, ["export", *map(str, arguments)])


def test_a_script_that_a_shell_of_the_database_runs(model_folder, hamlet_features, tmp_path):
    out = tmp_path / "model.sql"
    result = run(model_folder, *SQL, "--out", out, "--table", "main.features", "--prefix", "loan")
    assert result.exit_code == 0, result.output
    assert "beside the table main.features, then read the view loan_scored" in result.output
    with duckdb.connect() as database:
        database.register("given", hamlet_features.to_arrow())
        database.execute("CREATE TABLE features AS SELECT * FROM given")
        database.execute(out.read_text("utf-8"))
        ((rows,),) = database.execute("SELECT COUNT(*) FROM loan_scored").fetchall()
    assert rows == hamlet_features.height


def test_an_export_is_replaced_by_the_next(model_folder, card_folder, tmp_path):
    out, book = tmp_path / "model.sql", tmp_path / "card.xlsx"
    for _ in range(2):
        assert run(model_folder, *SQL, "--out", out).exit_code == 0
        assert run(card_folder, "--to", "xlsx", "--out", book).exit_code == 0


@pytest.mark.parametrize("content", [b"SELECT 1;\n", b"PK\x03\x04 no workbook", b""])
def test_a_file_of_somebody_else_stays(content, model_folder, tmp_path):
    out = tmp_path / "theirs"
    out.write_bytes(content)
    with pytest.raises(ContractError, match="would replace a file that this command did not write"):
        export_file(model=str(model_folder), to="sql", dialect="hive", out=out)
    assert out.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "sql"}, r"--dialect: expected one of duckdb, postgres, hive, spark"),
        ({"to": "xlsx", "dialect": "hive"}, r"--dialect: expected none with xlsx, got hive"),
        ({"to": "sql", "dialect": "hive", "table": "a; DROP"}, r"--table: .* got 'a; DROP'"),
        ({"to": "sql", "dialect": "hive", "prefix": "1a"}, r"--prefix: .* got '1a'"),
        ({"to": "xlsx"}, r"expected a scorecard, got trees"),
    ],
)
def test_wrong_options_are_one_line(options, words, model_folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ContractError, match=words):
        export_file(model=str(model_folder), out=out, **options)
    assert not out.exists()


def test_a_folder_that_is_not_there(model_folder, tmp_path):
    with pytest.raises(ContractError, match="in a folder that exists"):
        export_file(
            model=str(model_folder), to="sql", dialect="hive", out=tmp_path / "none" / "m.sql"
        )
