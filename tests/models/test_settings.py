import pytest

from features.contract.errors import ContractError
from models.settings import read_settings


def test_a_file_changes_only_what_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 3\n[trees]\nmax_depth = 4\n")
    mine, default = read_settings(path), read_settings()
    assert (mine.seed, mine.trees.max_depth) == (3, 4)
    assert mine.trees.num_leaves == default.trees.num_leaves
    assert mine.split == default.split
    assert read_settings(path, seed=5, candidates=None).seed == 5


def test_gates_are_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[gates.bads]\nleast = 3\n")
    mine = read_settings(path).gates
    assert mine.bads.least == 3
    assert mine.stability == read_settings().gates.stability


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead = 3", r"mine\.toml: sead: Extra inputs are not permitted"),
        ("[trees]\nmax_depth = 9", r"trees\.max_depth: Input should be less than or equal to 6"),
        ("[split]\ntrain_share = 'x'", r"split\.train_share: .* valid number.*got 'x'"),
        ("[gates.slopes]\nleast = 3", r"gates\.slopes: Extra inputs .*models/gates\.toml show"),
        ("seed = ", r"mine\.toml: expected settings of a training in TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ContractError, match=message):
        read_settings(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ContractError, match="No such file"):
        read_settings(tmp_path / "none.toml")
