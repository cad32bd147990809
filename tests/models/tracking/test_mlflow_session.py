"""What asking the registry leaves behind."""

import pytest

from features.contract.errors import ContractError
from models.tracking.registry import resolve


def test_asking_for_a_champion_where_nobody_trained_makes_no_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ContractError, match="Train one first"):
        resolve()
    assert not list(tmp_path.iterdir())
