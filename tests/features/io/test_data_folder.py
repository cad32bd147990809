import datetime as dt
import json
import re

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.io.data_folder import KIND, fresh_folder, write_bucket


def test_a_bucket_has_the_same_bytes_whatever_the_order_of_its_rows(tmp_path):
    frame = pl.DataFrame(
        {
            "firm_id": ["F1", "F2"],
            "date": [dt.date(2025, 1, 1)] * 2,
            "kwh_peak": [1.0, 2.0],
            "kwh_flat": [1.0, 2.0],
            "kwh_valley": [1.0, 2.0],
        }
    )
    one = write_bucket(frame, "electricity", tmp_path / "a", 7)
    two = write_bucket(frame.reverse(), "electricity", tmp_path / "b", 7)
    assert one.relative_to(tmp_path / "a").as_posix() == "electricity/bucket=0007/part.parquet"
    assert one.read_bytes() == two.read_bytes()


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    out = tmp_path / "deep" / "world"

    def break_off():
        with fresh_folder(out) as unfinished:
            (unfinished / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert not out.exists()
    assert not list(tmp_path.rglob("half"))
    with fresh_folder(out) as unfinished:
        (unfinished / "manifest.json").write_text(json.dumps({"kind": KIND}))
    with fresh_folder(out) as unfinished:
        (unfinished / "new").write_text("x")
    assert [path.name for path in out.iterdir()] == ["new"]
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(ContractError, match=re.escape("got a file")),
        fresh_folder(tmp_path / "file"),
    ):
        pass
