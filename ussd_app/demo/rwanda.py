"""What the demonstration market of Rwanda is made of: who grows what where, who buys it, what stands for sale today.

Prices are francs per kilogram, litre or piece; quantities whole kilograms, litres or pieces. Cherry prices stand here
for a floor of 600 and follow the floor in force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Growers:
    """`count` sellers in a row who live in `sectors` (codes, in turn) and sell `produce` (codes); `cooperative` is its
    line in cooperatives.csv from 0, None = none."""

    count: int
    produce: tuple[str, ...]
    sectors: tuple[str, ...]
    cooperative: int | None = None
    kind: str = "farmer"


@dataclass(frozen=True)
class Crop:
    """How a produce is traded: `price` usual, `spread` (share) between trades of a day, prices in steps of `step`;
    quantities `low` to `high`; `per_day` sales on a usual day of the season and `off_season` times as many outside it;
    `buyers` by their line in buyers.csv from 0; `brought` says that sellers bring it to a station."""

    produce: str
    price: int
    spread: float
    step: int
    low: int
    high: int
    per_day: float
    buyers: tuple[int, ...]
    off_season: float = 1.0
    brought: bool = False


@dataclass(frozen=True)
class Bid:
    """An offer that waits: the `buyer` (line from 0), its `quantity` and `price`."""

    buyer: int
    quantity: int
    price: int


@dataclass(frozen=True)
class Stand:
    """What the seller of this number has for sale today, with the offers that wait for her."""

    seller: int
    produce: str
    quantity: int
    price: int
    bids: tuple[Bid, ...] = ()


FIRST_SELLER = "Mukamana"
SHARED_PHONE = (7, 8)  # a couple with one phone; the second has asked for no amounts in SMS
NEW_SELLER = 60  # registered yesterday, nothing listed yet
CHERRY, CHERRY_FLOOR = "coffee.cherry", 600

GROWERS = (
    Growers(14, (CHERRY,), ("3706", "3715", "3705", "3714", "3710", "3708"), 0),
    Growers(2, (CHERRY, "coffee.parchment", "coffee.green"), ("3706", "3701"), 0),
    Growers(4, (CHERRY, "banana.cooking"), ("3605", "3614", "3616")),
    Growers(4, (CHERRY,), ("3105", "3103", "3109")),
    Growers(3, (CHERRY, "beans.dry"), ("3209", "3201")),
    Growers(3, (CHERRY,), ("2406", "2413")),
    Growers(1, ("coffee.roasted", "coffee.green"), ("2402",)),
    Growers(4, (CHERRY, "beans.dry"), ("4219", "4217")),
    Growers(2, (CHERRY, "honey.raw"), ("5509", "5503")),
    Growers(5, ("potato.fresh", "pyrethrum.dried"), ("4307", "4312", "4301"), 1),
    Growers(3, ("potato.fresh",), ("3402", "3401", "4405")),
    Growers(4, ("beans.dry", "maize.grain"), ("5203", "5304", "5403")),
    Growers(2, ("banana.cooking",), ("5605", "5502")),
    Growers(1, ("milk.fresh",), ("5210",)),
    Growers(1, ("tomato.fresh", "chili.fresh"), ("5710",)),
    Growers(4, ("craft.basket",), ("2213", "2201", "2403"), 2, "artisan"),
    Growers(1, ("craft.imigongo",), ("5512",), None, "artisan"),
    Growers(1, ("craft.bag",), ("1213",), None, "artisan"),
    Growers(1, (), ("3704",)),
)

# How far each buyer is known, in the order of buyers.csv, and who writes for those abroad.
VERIFICATION = (
    "verified", "confirmed", "verified", "verified", "confirmed", "confirmed",
    "verified", "confirmed", "confirmed", "verified", "confirmed", "new",
)  # fmt: skip
ABROAD_NAMES = {
    "BE": ("Sophie Lambert", "Marc Delvaux", "Lien Peeters"),
    "CN": ("Chen Yu", "Wang Lin", "Li Min"),
}

CROPS = (
    Crop(CHERRY, 670, 0.06, 5, 20, 300, 3.4, (0, 0, 3, 3, 1), 0.25, True),
    Crop("potato.fresh", 420, 0.08, 10, 100, 1500, 1.0, (2, 5, 1), 0.6),
    Crop("beans.dry", 860, 0.07, 10, 50, 400, 0.6, (1, 2, 0), 0.5),
    Crop("maize.grain", 450, 0.08, 10, 100, 800, 0.5, (1, 2), 0.4),
    Crop("banana.cooking", 290, 0.1, 10, 80, 500, 0.4, (1, 5)),
    Crop("milk.fresh", 430, 0.05, 10, 20, 120, 0.4, (1,)),
    Crop("tomato.fresh", 560, 0.15, 10, 40, 250, 0.3, (1, 4)),
    Crop("chili.fresh", 1100, 0.1, 20, 20, 120, 0.25, (4, 10)),
    Crop("pyrethrum.dried", 1900, 0.04, 20, 15, 60, 0.15, (4,)),
    Crop("honey.raw", 4600, 0.05, 100, 5, 40, 0.15, (1, 8)),
    Crop("coffee.parchment", 3500, 0.04, 20, 60, 400, 0.15, (3, 0), 0.5),
    Crop("coffee.green", 8200, 0.05, 50, 60, 200, 0.2, (6, 6, 9, 7)),
    Crop("coffee.roasted", 34000, 0.04, 500, 10, 50, 0.1, (9, 6, 8)),
    Crop("craft.basket", 9000, 0.5, 500, 2, 20, 0.45, (8, 1, 10, 6)),
    Crop("craft.imigongo", 36000, 0.2, 1000, 1, 4, 0.12, (6, 1)),
    Crop("craft.bag", 8000, 0.2, 500, 2, 15, 0.15, (1, 7)),
)

STANDS = (
    Stand(1, CHERRY, 120, 680, (Bid(0, 120, 660), Bid(1, 80, 690))),
    Stand(2, CHERRY, 80, 670, (Bid(3, 80, 665),)),
    Stand(3, CHERRY, 200, 700, (Bid(0, 200, 680),)),
    Stand(5, CHERRY, 60, 650),
    Stand(7, CHERRY, 90, 675, (Bid(1, 90, 655),)),
    Stand(10, CHERRY, 150, 690),
    Stand(15, "coffee.green", 180, 8400, (Bid(6, 180, 8250),)),
    Stand(16, "coffee.parchment", 300, 3600),
    Stand(17, CHERRY, 110, 665),
    Stand(21, CHERRY, 140, 680),
    Stand(25, CHERRY, 70, 655),
    Stand(28, CHERRY, 160, 710, (Bid(3, 160, 700),)),
    Stand(31, "coffee.roasted", 40, 34500, (Bid(9, 40, 34000),)),
    Stand(32, CHERRY, 95, 670),
    Stand(38, "potato.fresh", 800, 430, (Bid(2, 800, 420),)),
    Stand(39, "potato.fresh", 500, 440),
    Stand(40, "pyrethrum.dried", 30, 1950),
    Stand(43, "potato.fresh", 1200, 420, (Bid(5, 1000, 410),)),
    Stand(46, "beans.dry", 250, 880),
    Stand(47, "maize.grain", 600, 460),
    Stand(50, "banana.cooking", 300, 300),
    Stand(53, "tomato.fresh", 120, 580, (Bid(4, 120, 560),)),
    Stand(54, "craft.basket", 12, 9500, (Bid(8, 12, 9000),)),
    Stand(56, "craft.basket", 6, 14000),
    Stand(58, "craft.imigongo", 3, 38000),
    Stand(59, "craft.bag", 10, 8500),
)
