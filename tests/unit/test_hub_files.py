"""A country is files alone, and a fault in them is named by file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from ussd_app.hubs import Hub, HubError, load_demo, load_hub

TINY = {
    "hub.toml": """
name = "Tugurishe"
currency = "UGX"
country = "UG"
timezone = "Africa/Kampala"
languages = ["en", "lg"]
wallets = ["mtn_momo"]
place_words = ["subcounty"]
[support]
phone = "+256772000000"
hours = "08:00-18:00"
""",
    "places.csv": """code,kind,name,district_code,province_code
1,province,Central,,1
10,district,Mpigi,10,1
1001,sector,Mpigi Town,10,1
""",
    "produce.csv": """code,number,group,form,en,lg,unit,per,floater,grades,hs,expires_hours,handover_hours,\
max_quantity,max_price,words
coffee.kiboko,1,coffee,kiboko,Kiboko coffee,Kiboko,g,kg,0,1|2,0901.11,240,48,5000000,20000,coffee|emmwanyi
""",
    "consent.csv": """version,language,text
1,en,May {hub} keep your name?
1,lg,{hub} etereke erinnya lyo?
""",
}


def write(root: Path, **changed: str) -> Path:
    """The tiny hub in `root`/ug, with whole files replaced (`places_csv=` is places.csv)."""
    (root / "ug").mkdir()
    for file, text in TINY.items():
        (root / "ug" / file).write_text(changed.pop(file.replace(".", "_"), text), "utf-8")
    for name, text in changed.items():
        (root / "ug" / name.replace("_csv", ".csv")).write_text(text, "utf-8")
    return root


def test_another_country_is_files_alone(tmp_path: Path) -> None:
    hub: Hub = load_hub("ug", root=write(tmp_path))
    assert (hub.code, hub.name, hub.currency, hub.country) == ("ug", "Tugurishe", "UGX", "UG")
    assert [place.label for place in hub.places.find("mpigi")] == ["Mpigi", "Mpigi Town (Mpigi)"]
    assert [place.label for place in hub.places.find("town subcounty")] == []
    assert [place.label for place in hub.places.find("subcounty mpigi t")] == ["Mpigi Town (Mpigi)"]
    found = hub.produce_by_word("Emmwanyi")
    assert found is not None and found.name("lg") == "Kiboko" and found.name("fr") == "Kiboko coffee"
    assert hub.consent.texts["lg"] == "Tugurishe etereke erinnya lyo?"
    assert (hub.floor_prices, hub.fees, hub.seasons) == ((), (), ())
    assert (hub.wallet_limits, hub.exchange_rates, hub.bank_accounts) == ((), (), ())
    demo = load_demo("ug", root=tmp_path)
    assert (demo.given_names, demo.buyers, demo.cooperatives) == ((), (), ())


def faults(root: Path, **changed: str) -> list[str]:
    with pytest.raises(HubError) as caught:
        load_hub("ug", root=write(root, **changed))
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


@pytest.mark.parametrize("code", ["zz", "..", "rw/../rw", "", "RW"])
def test_a_hub_that_is_not_there(code: str) -> None:
    with pytest.raises(HubError, match="there is no"):
        load_hub(code)


PRODUCE_HEAD, PRODUCE_ROW = TINY["produce.csv"].splitlines()
PRODUCE_FAULTS = [
    (",1,coffee,", ",9,coffee,", "produce.csv row 2, column number: '9' is a key of every menu (0 back, 9 more)."),
    (",1,coffee,", ",0,coffee,", "produce.csv row 2, column number: '0' is not a whole number from 1 up."),
    (
        ",kiboko,K",
        ",dry,K",
        "produce.csv row 2, column code: 'coffee.kiboko' is not its group and form, coffee.dry.",
    ),
    (",g,kg,", ",sack,kg,", "produce.csv row 2, column unit: 'sack' is not one of g, ml, piece."),
    (",g,kg,", ",g,litre,", "produce.csv row 2, column per: 'litre' is not what a price is for when the unit is g."),
    ("Kiboko,g", "Kibók,g", "produce.csv row 2, column lg: 'Kibók' is not plain ASCII of the SMS alphabet."),
    ("Kiboko,g", ",g", "produce.csv row 2, column lg: '' must not be empty."),
    ("Kiboko,g", "K" * 23 + ",g", f"produce.csv row 2, column lg: '{'K' * 23}' has 23 characters; 22 fit."),
    ("0901.11", "901.11", "produce.csv row 2, column hs: '901.11' does not look like 0901.11."),
    (",240,48,", ",ten,48,", "produce.csv row 2, column expires_hours: 'ten' is not a whole number from 1 up."),
    (",240,48,", ",240,", "produce.csv row 2: 15 cells under 16 columns."),
]


@pytest.mark.parametrize(("old", "new", "fault"), PRODUCE_FAULTS)
def test_a_fault_in_produce_is_named_by_row_and_column(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert PRODUCE_ROW.count(old) == 1
    assert faults(tmp_path, produce_csv=f"{PRODUCE_HEAD}\n{PRODUCE_ROW.replace(old, new)}\n") == [fault]


def test_what_may_be_there_once_only(tmp_path: Path) -> None:
    again = PRODUCE_ROW.replace("Kiboko coffee,Kiboko", "Dry coffee,Kikalu").replace("|emmwanyi", "|kase")
    assert faults(tmp_path, produce_csv=f"{PRODUCE_HEAD}\n{PRODUCE_ROW}\n{again}\n") == [
        "produce.csv row 3, column code: 'coffee.kiboko' is there already, in row 2.",
        "produce.csv row 3, column number: '1' is there already, in row 2.",
        "produce.csv row 3, column words: 'coffee|kase' is there already, in row 2.",
    ]


def test_faults_in_places(tmp_path: Path) -> None:
    rows = "1001,sector,Mpigi town,10,1\n1002,sector,Lost,11,1\n12,district,Gomba,10,1\n13,district,Kalungu,13,7\n"
    assert faults(tmp_path, places_csv=TINY["places.csv"] + rows) == [
        "places.csv row 5, column code: '1001' is there already, in row 4.",
        "places.csv row 6, column district_code: '11' is not the code of a district.",
        "places.csv row 7, column district_code: '10' is not the district's own code.",
        "places.csv row 8, column province_code: '7' is not the code of a province.",
        "places.csv: Mpigi Town (Mpigi) (1001) is shown like another place.",
        "places.csv: Mpigi town (Mpigi) (1001) is shown like another place.",
    ]


def test_faults_in_dated_rows(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        floor_prices_csv="product,kind,price_good,price_floaters,valid_from,source\n"
        "coffee.kiboko,minimum,0,,2025-01-01,x\ncoffee.kiboko,least,10,5,2025-13-01,x\n",
        fees_csv="kind,wallet,amount_from,amount_to,fee,valid_from,source\n"
        "transfer,mtn_momo,1,100,5,2025-01-01,x\ntransfer,mtn_momo,100,200,9,2025-01-01,x\n"
        "transfer,mtn_momo,1,50,5,2026-01-01,x\ncash_out,mtn,9,5,1,2025-01-01,x\n",
        seasons_csv="group,name,starts,ends\ntea,main,3-1,07-31\n",
        wallet_limits_csv="wallet,transaction,day,valid_from,source\n"
        "mtn_momo,200,100,2025-01-01,x\nmtn_momo,1,1,2025-01-01,x\n",
        exchange_rates_csv="currency,rate,valid_from,source\nEUR,0.0,2025-01-01,x\nUGX,1,2025-01-01,x\n",
        bank_accounts_csv="currency,holder,bank,account,bic,source\nEUR,Tugurishe,A bank,1,NOBIC,x\n",
    )
    assert found == [
        "floor_prices.csv row 2, column price_good: '0' is not a whole number from 1 up.",
        "floor_prices.csv row 3, column valid_from: '2025-13-01' does not look like 2025-01-25.",
        "floor_prices.csv row 3, column price_floaters: '5' is for a produce that has no floaters.",
        "floor_prices.csv row 3, column kind: 'least' is not one of fixed, minimum.",
        "fees.csv row 5, column amount_to: '5' is not a whole number from 9 up.",
        "fees.csv row 5, column wallet: 'mtn' is not one of mtn_momo.",
        "fees.csv row 3, column amount_from: '100' does not follow the band that ends at 100.",
        "wallet_limits.csv row 2, column day: '100' is not a whole number from 200 up.",
        "wallet_limits.csv row 3, column valid_from: '2025-01-01' is there already, in row 2.",
        "exchange_rates.csv row 2, column rate: '0.0' does not look like 1652.30.",
        "exchange_rates.csv row 3, column currency: 'UGX' is the hub's own.",
        "bank_accounts.csv row 2, column account: '1' does not look like 00040 0000000 01.",
        "bank_accounts.csv row 2, column bic: 'NOBIC' does not look like BKIGRWRW.",
        "seasons.csv row 2, column starts: '3-1' does not look like 03-01.",
        "seasons.csv row 2, column group: 'tea' is not one of coffee.",
    ]


def test_consent_must_speak_every_language(tmp_path: Path) -> None:
    text = TINY["consent.csv"] + '2,en,"Now, may {hub}?"\n'
    assert faults(tmp_path, consent_csv=text) == ["consent.csv: version 2 is not there in lg."]


def test_a_heading_or_a_file_that_is_missing(tmp_path: Path) -> None:
    root = write(tmp_path, produce_csv="code,number\n")
    (root / "ug" / "consent.csv").unlink()
    with pytest.raises(HubError) as caught:
        load_hub("ug", root=root)
    assert caught.value.faults[0].startswith("produce.csv row 1: the columns group, form, unit,")
    assert caught.value.faults[1] == "consent.csv: the file is missing."


def test_an_empty_table_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, produce_csv=PRODUCE_HEAD + "\n") == ["produce.csv: it has no rows."]


def test_faults_in_the_heading_file(tmp_path: Path) -> None:
    toml = TINY["hub.toml"].replace('"UGX"', '"ugx"').replace('["en", "lg"]', '["lg"]').replace("hours", "open")
    found = faults(tmp_path, hub_toml=toml + '\n[colour]\nname = "blue"\n')
    assert found == [
        "hub.toml: colour means nothing here.",
        "hub.toml, currency: 'ugx' does not look like [A-Z]{3}.",
        "hub.toml, languages: 'en' is missing, which names fall back to.",
        "hub.toml, support: it holds phone, hours and nothing else.",
    ]


def test_a_heading_file_that_is_no_toml(tmp_path: Path) -> None:
    assert faults(tmp_path, hub_toml="name = ")[0].startswith("hub.toml: Invalid value")


def test_faults_in_demonstration_rows(tmp_path: Path) -> None:
    root = write(tmp_path, cooperatives_csv="name,place,groups\nKaweri,99,coffee|tea\n")
    with pytest.raises(HubError) as caught:
        load_demo("ug", root=root)
    assert caught.value.faults == [
        "cooperatives.csv row 2, column place: '99' is not the code of a place.",
        "cooperatives.csv row 2, column groups: 'coffee|tea' names tea, which produce.csv does not have.",
    ]
