import pytest

from features.contract.errors import ContractError
from features.settings import Settings, checked, overlaid, read_toml


class Meter(Settings):
    unit: str
    digits: int = 3


class House(Settings):
    meter: Meter


def test_tables_are_laid_over_key_by_key_and_lists_whole():
    base = {"meter": {"unit": "kWh", "digits": 3}, "rooms": [1, 2]}
    over = {"meter": {"digits": 1}, "rooms": [3]}
    assert overlaid(base, over) == {"meter": {"unit": "kWh", "digits": 1}, "rooms": [3]}
    assert base == {"meter": {"unit": "kWh", "digits": 3}, "rooms": [1, 2]}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"meter": {"unit": "kWh", "digits": "x"}}, r"f: meter\.digits: .*, got 'x' \(1 wrong"),
        ({"meter": {"unit": "kWh", "digit": 1}}, r"f: meter\.digit: Extra inputs .*, got 1 \(1"),
        ({"meter": {"digits": 1}, "room": 2}, r"f: meter\.unit: Field required \(2 wrong in all\)"),
    ],
)
def test_the_first_wrong_setting_is_said_with_its_place(plain, said):
    with pytest.raises(ContractError, match=said) as caught:
        checked(House, plain, where="f", remedy="See the manual.")
    assert str(caught.value).endswith(" See the manual.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"a = ", "Invalid value"), (b"a = '\xff'", "utf-8")],
)
def test_a_file_that_is_no_toml_is_said_with_what_was_expected(tmp_path, content, reason):
    path = tmp_path / "one.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ContractError, match=rf"expected a policy in TOML, got: .*{reason}"):
        read_toml(path, expected="a policy")
