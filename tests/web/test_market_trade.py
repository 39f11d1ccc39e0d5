"""A buyer's trade in the browser: what is for sale, offers as real rows, counter-offers, orders; and nobody else's."""

from __future__ import annotations

import re

import pytest

from tests.web.market_world import BUYER, OTHER, SELLER, TERMS, World, fields_of, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import orders
from ussd_app.store import Store

HOUR = 3_600_000


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


def offer_rows(world: World) -> list[dict[str, object]]:
    return world.rows("SELECT * FROM offers ORDER BY id")


def test_what_is_for_sale_is_listed_with_what_a_buyer_needs(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller(), "coffee.cherry", 120_500, 700)
    browser = world.browser(BUYER)
    page = text_of(browser.get("/?produce=coffee.cherry"))
    floor = world.hub.floor_price("coffee.cherry", "2026-09-21")
    assert floor is not None
    for shown in ("Remera (Gasabo)", "120.5 kg", "700 RWF/kg", f"{floor.price_good} RWF", "24 h"):
        assert shown in page, shown
    one = text_of(browser.get(f"/listings/{listing['id']}"))
    assert "No trade in the last 14 days." in one and "Not verified" in one
    assert "5 open offers, each of at most 2 000 kg or 500 pieces, and worth at most 2 000 000 RWF" in one


def test_the_pages_of_a_list_hold_everything_once(world: World) -> None:
    world.buyer()
    seller = world.seller()
    ids = {world.list(seller, price=400 + n % 3)["id"] for n in range(29)}
    browser = world.browser(BUYER)
    seen: list[str] = []
    path = "/?produce=maize.grain"
    for _ in range(4):
        page = browser.get(path).text
        seen += re.findall(r'href="/listings/(\w+)', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        if not found:
            break
        path = found[1].replace("&amp;", "&")
    assert len(seen) == 29 and set(seen) == ids
    there = world.hub.places.district_of(world.place).code
    assert "Remera" in browser.get(f"/?produce=maize.grain&district={there}").text
    elsewhere = next(place.code for place in world.hub.places if place.kind == "district" and place.code != there)
    assert "Nothing of this is for sale here now." in text_of(
        browser.get(f"/?produce=maize.grain&district={elsewhere}")
    )


@pytest.mark.parametrize("query", ["produce=gold.bar", "produce=maize.grain&district=zz", "district=%00"])
def test_a_filter_that_does_not_exist_is_404(world: World, query: str) -> None:
    world.buyer()
    assert world.browser(BUYER).get(f"/?{query}").status_code == 404


@pytest.mark.parametrize("after", ["x", "9" * 40, "-1.a", ".", "1.%27%3B--", "٣.a"])
def test_a_broken_cursor_starts_where_it_can(world: World, after: str) -> None:
    world.buyer()
    assert world.browser(BUYER).get(f"/?produce=maize.grain&after={after}").status_code == 200


def test_an_offer_is_made_changed_and_withdrawn_as_rows(world: World) -> None:
    buyer = world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    browser.get(f"/listings/{listing['id']}")
    made = browser.follow(browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key="k1"))
    assert "Your offer is sent." in text_of(made)
    (row,) = offer_rows(world)
    assert (row["buyer_id"], row["state"], row["quantity"], row["price"]) == (buyer, "open", 20_000, 450)
    assert (row["point"], row["carrier"], row["settlement"]) == ("farm_gate", "buyer", "pass_through")
    assert row["handover_place"] == "At the mill"

    form = browser.get(f"/offers/{row['id']}/terms")
    typed = {name: text for name, text in fields_of(form).items() if name in TERMS} | {"price": "470"}
    changed = browser.follow(browser.post(f"/offers/{row['id']}/terms", **typed))
    assert "Changed." in text_of(changed)
    old, new = offer_rows(world)
    assert (old["state"], new["state"], new["price"], new["replaces"]) == ("withdrawn", "open", 470, row["id"])
    assert new["handover_at"] == old["handover_at"] // 60_000 * 60_000

    gone = browser.follow(browser.post(f"/offers/{new['id']}/withdraw"))
    assert "Withdrawn." in text_of(gone)
    assert [one["state"] for one in offer_rows(world)] == ["withdrawn", "withdrawn"]
    late = browser.post(f"/offers/{new['id']}/withdraw")
    assert (late.status_code, "It is no longer open." in text_of(late)) == (422, True)


def test_a_form_sent_twice_makes_one_offer(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    key = fields_of(browser.get(f"/listings/{listing['id']}"))["form_key"]
    first = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key=key)
    browser.get("/offers")
    second = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key=key)
    assert first.location == second.location
    assert len(offer_rows(world)) == 1
    other = fields_of(browser.get(f"/listings/{listing['id']}"))["form_key"]
    browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key=other)
    assert len(offer_rows(world)) == 2


def test_the_time_of_handover_is_that_of_kigali_and_places_are_recognised(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    typed = TERMS | {"handover_at": "2026-09-22T14:30", "handover_place": "remera (gasabo)"}
    browser.post(f"/listings/{listing['id']}/offers", **typed, form_key="")
    (row,) = offer_rows(world)
    assert row["handover_at"] == 1_790_080_200_000  # 22 September 2026, 12:30 UTC
    assert row["handover_place"] == world.place


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("quantity", "a lot", "Write a quantity such as 40 kg, at most 30 000 kg."),
        ("quantity", "120 kg", "Only 100 kg is left."),
        ("price", "-5", "Write an amount in RWF, at most 3 000 RWF."),
        ("point", "moon", "Choose one."),
        ("carrier", "", "Choose one."),
        ("handover_place", "", "Write a place of at most 24 characters."),
        ("handover_place", "123456", "Write the place in words."),
        ("handover_at", "soon", "Write a day and time such as 2026-11-23 14:00."),
        ("handover_at", "2026-09-20T10:00", "Choose a time to come, at most 90 days ahead."),
    ],
)
def test_each_fault_stands_by_its_field_and_nothing_is_lost(world: World, field: str, typed: str, told: str) -> None:
    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    sent = TERMS | {field: typed}
    answer = browser.post(f"/listings/{listing['id']}/offers", **sent, form_key="k")
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-fault">{re.escape(told)}<', answer.text.replace("\u00a0", " ")), text_of(answer)
    shown = fields_of(answer)
    for name, text in sent.items():
        if name == "price_floaters":  # maize has none
            assert name not in shown
        elif name not in ("point", "carrier") or text in ("farm_gate", "station", "seller", "buyer"):
            assert shown[name] == text, name
    assert offer_rows(world) == []


def test_below_the_official_minimum_is_named_with_its_number_and_day(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller(), "coffee.cherry", 100_000, 700)
    floor = world.hub.floor_price("coffee.cherry", "2026-09-21")
    assert floor is not None
    browser = world.browser(BUYER)
    low = TERMS | {"price": str(floor.price_good - 1)}
    answer = browser.post(f"/listings/{listing['id']}/offers", **low, form_key="k")
    day = "/".join(reversed(floor.valid_from.split("-")))
    assert answer.status_code == 422
    assert f"Below the official minimum of {floor.price_good} RWF, in force since {day}." in text_of(answer)
    assert offer_rows(world) == []
    # The same form, corrected, goes through.
    right = browser.post(f"/listings/{listing['id']}/offers", **(TERMS | {"price": "700"}), form_key="k")
    assert right.status_code == 303


def test_beyond_the_caps_is_named_with_the_cap(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller(), quantity=30_000_000)
    browser = world.browser(BUYER)
    heavy = browser.post(f"/listings/{listing['id']}/offers", **(TERMS | {"quantity": "3 t"}), form_key="a")
    assert (heavy.status_code, offer_rows(world)) == (422, [])
    assert "Your account allows at most 2 000 kg in one offer." in text_of(heavy)
    for number in range(5):
        browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key=f"k{number}")
    sixth = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key="k6")
    assert "You may have 5 open offers at once, and you have." in text_of(sixth)
    assert len(offer_rows(world)) == 5


def test_fields_the_form_does_not_have_are_refused(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    for extra in ({"settlement": "held"}, {"buyer_id": "somebody"}, {"tolerance_pct": "100"}):
        answer = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key="k", **extra)
        assert answer.status_code == 400
    assert offer_rows(world) == []


def test_a_counter_offer_is_answered_with_yes_after_a_second_look(world: World) -> None:
    buyer, seller = world.buyer(), world.seller()
    listing = world.list(seller)
    counter = world.counter(seller, world.offer(buyer, listing))
    browser = world.browser(BUYER)
    assert "1 to answer" in text_of(browser.get("/offers"))
    assert "+250788000001" not in browser.get(f"/offers/{counter['id']}").text
    asked = browser.get(f"/offers/{counter['id']}/accept")
    assert "9 600 RWF" in text_of(asked)
    assert world.rows("SELECT id FROM orders") == []
    page = browser.follow(browser.post(f"/offers/{counter['id']}/accept"))
    (order,) = world.rows("SELECT * FROM orders")
    assert (order["state"], order["price"], order["buyer_id"]) == ("agreed", 480, buyer)
    assert order["code"] in text_of(page) and SELLER in text_of(page) and "Jeanne" in text_of(page)
    again = browser.post(f"/offers/{counter['id']}/accept")
    assert (again.status_code, len(world.rows("SELECT id FROM orders"))) == (422, 1)


def test_a_counter_offer_is_declined_or_countered(world: World) -> None:
    buyer, seller = world.buyer(), world.seller()
    listing = world.list(seller)
    browser = world.browser(BUYER)
    first = world.counter(seller, world.offer(buyer, listing))
    browser.get("/")
    assert "Declined." in text_of(browser.follow(browser.post(f"/offers/{first['id']}/decline")))
    assert world.rows("SELECT state FROM offers WHERE id = :id", id=first["id"]) == [{"state": "declined"}]

    second = world.counter(seller, world.offer(buyer, listing))
    form = browser.get(f"/offers/{second['id']}/terms")
    typed = {name: text for name, text in fields_of(form).items() if name in TERMS} | {"price": "460 rwf"}
    page = browser.follow(browser.post(f"/offers/{second['id']}/terms", **typed))
    assert "Your answer is sent." in text_of(page)
    last = offer_rows(world)[-1]
    assert (last["round"], last["made_by"], last["price"], last["answers"]) == (3, "buyer", 460, second["id"])


def test_an_order_can_be_undone_in_time_and_no_later(world: World) -> None:
    buyer, seller = world.buyer(), world.seller()
    listing = world.list(seller)
    browser = world.browser(BUYER)
    agreed = []
    for _ in range(2):
        offer = world.offer(buyer, listing)
        agreed.append(world.store.write(
            lambda tx, offer=offer: orders.accept(
                tx, clock=world.clock, now=world.clock.now(), person_id=seller, offer_id=offer["id"]
            )
        ))  # fmt: skip
    undone = browser.follow(browser.post(f"/orders/{agreed[0]['id']}/undo"))
    assert "Undone." in text_of(undone) and SELLER not in text_of(undone)
    world.clock.advance(5 * 60_000)
    late = browser.post(f"/orders/{agreed[1]['id']}/undo")
    assert late.status_code == 422 and "The time to undo was over" in text_of(late)
    early = browser.post(f"/orders/{agreed[1]['id']}/free")
    assert early.status_code == 422 and "Not before" in text_of(early)
    world.clock.set(agreed[1]["free_after"])
    browser = world.browser(BUYER)
    assert "Nobody came: end this order" in text_of(browser.get(f"/orders/{agreed[1]['id']}"))
    browser.follow(browser.post(f"/orders/{agreed[1]['id']}/free"))
    states = world.rows("SELECT state, cancelled_as FROM orders ORDER BY id")
    assert states == [
        {"state": "cancelled", "cancelled_as": "regret"},
        {"state": "cancelled", "cancelled_as": "missed"},
    ]
    assert "Missed: 1" in text_of(browser.get("/orders"))


def test_what_belongs_to_others_does_not_exist(world: World) -> None:
    owner, seller = world.buyer(), world.seller()
    world.buyer("Eve", OTHER)
    listing = world.list(seller)
    counter = world.counter(seller, world.offer(owner, listing))
    agreed = world.offer(owner, listing)
    order = world.store.write(
        lambda tx: orders.accept(tx, clock=world.clock, now=world.clock.now(), person_id=seller, offer_id=agreed["id"])
    )
    eve = world.browser(OTHER)
    before = offer_rows(world)
    for path in (f"/offers/{counter['id']}", f"/offers/{counter['id']}/terms", f"/offers/{counter['id']}/accept"):
        assert eve.get(path).status_code == 404, path
    assert eve.get(f"/orders/{order['id']}").status_code == 404
    eve.get("/")
    for act in ("accept", "decline", "withdraw"):
        assert eve.post(f"/offers/{counter['id']}/{act}").status_code == 404, act
    assert eve.post(f"/offers/{counter['id']}/terms", **TERMS).status_code == 404
    for act in ("undo", "free"):
        assert eve.post(f"/orders/{order['id']}/{act}").status_code == 404, act
    assert offer_rows(world) == before
    assert world.rows("SELECT state FROM orders") == [{"state": "agreed"}]
    for page in ("/offers", "/orders"):
        assert counter["id"] not in eve.get(page).text and order["id"] not in eve.get(page).text


def test_a_seller_who_also_buys_answers_for_her_goods_with_her_pin_and_not_here(world: World) -> None:
    seller = world.seller("Jeanne", SELLER)
    world.store.write(
        lambda tx: tx.buyer_add(
            person_id=seller, company="", country="RW", city="", verification="confirmed", now=world.clock.now()
        )
    )
    listing = world.list(seller)
    offer = world.offer(world.buyer(), listing)
    browser = world.browser(SELLER)
    assert browser.get(f"/offers/{offer['id']}").status_code == 404
    browser.get("/")
    assert browser.post(f"/offers/{offer['id']}/accept").status_code == 404
    assert browser.post(f"/offers/{offer['id']}/decline").status_code == 404
    own = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key="k")
    assert "These are your own goods." in text_of(own)
    assert [one["state"] for one in offer_rows(world)] == ["open"]


@pytest.mark.parametrize("path", ["/listings/nothing", "/offers/nothing", "/orders/nothing", "/offers/nothing/accept"])
def test_ids_that_do_not_exist_are_404(world: World, path: str) -> None:
    world.buyer()
    assert world.browser(BUYER).get(path).status_code == 404
