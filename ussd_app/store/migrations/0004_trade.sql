-- The trade: what is for sale, what is offered for it, what was agreed, and the dated rows that judge a price.
-- Quantities are grams, millilitres or pieces; prices are minor units per kilogram, litre or piece.

CREATE TABLE listings (
  id TEXT PRIMARY KEY,
  seller_id TEXT NOT NULL REFERENCES people (id),
  cooperative_id TEXT REFERENCES cooperatives (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  left_quantity INTEGER NOT NULL CHECK (left_quantity >= 0 AND left_quantity <= quantity),
  price INTEGER NOT NULL CHECK (price > 0),
  currency TEXT NOT NULL,
  place TEXT NOT NULL,
  district TEXT NOT NULL,
  province TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'reserved', 'sold', 'withdrawn', 'expired')),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX listings_by_seller ON listings (seller_id, id);
CREATE INDEX listings_open_by_seller ON listings (seller_id, id) WHERE state = 'open';
CREATE INDEX listings_open_by_district ON listings (produce, district, price, id) WHERE state = 'open';
CREATE INDEX listings_open_by_produce ON listings (produce, price, id) WHERE state = 'open';
CREATE INDEX listings_open_by_expiry ON listings (expires_at) WHERE state = 'open';

-- A counter is a new row that answers the last one; a change is a new row that replaces the maker's own.
-- take_home is the seller's estimated net for the whole quantity, so that the best offer is found by an index.
CREATE TABLE offers (
  id TEXT PRIMARY KEY,
  listing_id TEXT NOT NULL REFERENCES listings (id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  buyer_id TEXT NOT NULL REFERENCES people (id),
  made_by TEXT NOT NULL CHECK (made_by IN ('buyer', 'seller')),
  round INTEGER NOT NULL CHECK (round BETWEEN 1 AND 3),
  answers TEXT REFERENCES offers (id),
  replaces TEXT UNIQUE REFERENCES offers (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters >= 0),
  currency TEXT NOT NULL,
  point TEXT NOT NULL CHECK (point IN ('farm_gate', 'station')),
  handover_place TEXT NOT NULL CHECK (length(handover_place) BETWEEN 1 AND 24),
  handover_at INTEGER NOT NULL,
  carrier TEXT NOT NULL CHECK (carrier IN ('seller', 'buyer')),
  settlement TEXT NOT NULL CHECK (settlement IN ('outside', 'pass_through', 'held')),
  tolerance_pct INTEGER NOT NULL CHECK (tolerance_pct BETWEEN 0 AND 100),
  take_home INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'declined', 'countered', 'withdrawn', 'expired')),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX offers_open_for_seller ON offers (seller_id, take_home, id) WHERE state = 'open' AND made_by = 'buyer';
CREATE INDEX offers_open_for_buyer ON offers (buyer_id, made_by, id) WHERE state = 'open';
CREATE INDEX offers_open_on_listing ON offers (listing_id, quantity) WHERE state = 'open';
CREATE INDEX offers_open_by_expiry ON offers (expires_at) WHERE state = 'open';
CREATE INDEX offers_by_buyer ON offers (buyer_id, id);
CREATE INDEX offers_by_listing ON offers (listing_id);

-- The terms are copied: what was agreed stays readable whatever becomes of the listing.
CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  offer_id TEXT NOT NULL UNIQUE REFERENCES offers (id),
  listing_id TEXT NOT NULL REFERENCES listings (id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  buyer_id TEXT NOT NULL REFERENCES people (id),
  cooperative_id TEXT REFERENCES cooperatives (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER,
  currency TEXT NOT NULL,
  point TEXT NOT NULL CHECK (point IN ('farm_gate', 'station')),
  district TEXT NOT NULL,
  province TEXT NOT NULL,
  handover_place TEXT NOT NULL,
  handover_at INTEGER NOT NULL,
  free_after INTEGER NOT NULL,
  carrier TEXT NOT NULL CHECK (carrier IN ('seller', 'buyer')),
  settlement TEXT NOT NULL CHECK (settlement IN ('outside', 'pass_through', 'held')),
  tolerance_pct INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('agreed', 'delivered', 'disputed', 'settled', 'closed', 'cancelled')),
  cancelled_as TEXT CHECK (cancelled_as IN ('regret', 'missed', 'dispute')),
  agreed_at INTEGER NOT NULL,
  agreed_day TEXT NOT NULL,
  regret_until INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_seller ON orders (seller_id, id);
CREATE INDEX orders_by_buyer ON orders (buyer_id, id);
CREATE INDEX orders_by_cooperative ON orders (cooperative_id, id);
CREATE INDEX orders_live_by_listing ON orders (listing_id) WHERE state IN ('agreed', 'delivered', 'disputed');

-- Agreed trades of a day in an area (a district, its province, the country), one row per price: a median of fourteen
-- days reads a few hundred of these, however many trades there were.
CREATE TABLE trade_days (
  produce TEXT NOT NULL,
  currency TEXT NOT NULL,
  area TEXT NOT NULL,
  day TEXT NOT NULL,
  price INTEGER NOT NULL,
  trades INTEGER NOT NULL CHECK (trades >= 0),
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  PRIMARY KEY (produce, currency, area, day, price)
) STRICT;

CREATE TABLE floor_prices (
  produce TEXT NOT NULL,
  currency TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('minimum', 'fixed')),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters > 0),
  source TEXT NOT NULL,
  PRIMARY KEY (produce, currency, valid_from)
) STRICT;

-- What a wallet or the market takes from `from_minor` to `to_minor`, both included. A whole tariff (a kind of a wallet)
-- changes on one day.
CREATE TABLE fees (
  kind TEXT NOT NULL CHECK (kind IN ('cash_out', 'transfer', 'service')),
  wallet TEXT NOT NULL,
  currency TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  from_minor INTEGER NOT NULL CHECK (from_minor >= 0),
  to_minor INTEGER NOT NULL CHECK (to_minor >= from_minor),
  fee_minor INTEGER NOT NULL CHECK (fee_minor >= 0),
  estimate INTEGER NOT NULL CHECK (estimate IN (0, 1)),
  source TEXT NOT NULL,
  PRIMARY KEY (wallet, currency, kind, valid_from, from_minor)
) STRICT;
