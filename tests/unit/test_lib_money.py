import pytest

from ussd_app.lib.money import decimals, show


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "RWF", "0 RWF"),
        (999, "RWF", "999 RWF"),
        (1_200, "RWF", "1 200 RWF"),
        (12_500, "RWF", "12 500 RWF"),
        (1_234_567, "UGX", "1 234 567 UGX"),
        (1_250, "EUR", "12.50 EUR"),
        (5, "USD", "0.05 USD"),
        (1_234_567, "USD", "12 345.67 USD"),
        (1_500, "KWD", "1.500 KWD"),
        (-12_500, "RWF", "-12 500 RWF"),
        (-5, "EUR", "-0.05 EUR"),
    ],
)
def test_amounts_in_the_house_style(minor: int, currency: str, shown: str) -> None:
    assert show(minor, currency) == shown


def test_decimals() -> None:
    assert [decimals(code) for code in ("RWF", "EUR", "CNY", "KES", "TND")] == [0, 2, 2, 2, 3]


@pytest.mark.parametrize("code", ["", "rwf", "RW", "RWFF", "R F", "É12", "ÉÉÉ"])
def test_what_is_no_currency(code: str) -> None:
    with pytest.raises(ValueError):
        show(1, code)
