-- Standing bids, the asks behind listings, and proposals between them. Quantities are grams, millilitres or pieces;
-- prices are minor units per kilogram, litre or piece.

-- limit_price is the most a buyer pays delivered at place. left_quantity is neither proposed nor agreed yet.
CREATE TABLE bids (
  id TEXT PRIMARY KEY,
  buyer_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  grade TEXT NOT NULL DEFAULT '',
  place TEXT NOT NULL,
  least_quantity INTEGER NOT NULL CHECK (least_quantity >= 0 AND least_quantity <= quantity),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  left_quantity INTEGER NOT NULL CHECK (left_quantity >= 0 AND left_quantity <= quantity),
  limit_price INTEGER NOT NULL CHECK (limit_price > 0),
  currency TEXT NOT NULL,
  settlement TEXT NOT NULL CHECK (settlement IN ('outside', 'pass_through', 'held')),
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL CHECK (until_at > from_at),
  state TEXT NOT NULL CHECK (state IN ('open', 'withdrawn')),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX bids_open_by_produce ON bids (produce, id) WHERE state = 'open';
CREATE INDEX bids_open_by_buyer ON bids (buyer_id, id) WHERE state = 'open';

-- Every open listing asks for its own price; a row here says otherwise: a lower limit and a minimum, or not at all.
CREATE TABLE asks (
  listing_id TEXT PRIMARY KEY REFERENCES listings (id),
  limit_price INTEGER NOT NULL CHECK (limit_price > 0),
  least_quantity INTEGER NOT NULL CHECK (least_quantity >= 0),
  grade TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('standing', 'off')),
  changed_at INTEGER NOT NULL
) STRICT;

-- While one is live (open, or accepted by one side) its kilos are off the listing and off the bid.
CREATE TABLE proposals (
  id TEXT PRIMARY KEY,
  bid_id TEXT NOT NULL REFERENCES bids (id),
  listing_id TEXT NOT NULL REFERENCES listings (id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  buyer_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL CHECK (price > 0),
  currency TEXT NOT NULL,
  haulage INTEGER NOT NULL CHECK (haulage >= 0),
  km INTEGER NOT NULL CHECK (km >= 0),
  reason TEXT NOT NULL CHECK (reason IN ('only_buyer', 'best_price', 'nearest', 'most_reliable', 'best_fit')),
  others INTEGER NOT NULL CHECK (others >= 0),
  settlement TEXT NOT NULL CHECK (settlement IN ('outside', 'pass_through', 'held')),
  take_home INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'accepted_buyer', 'accepted_seller', 'agreed', 'declined', 'lapsed')),
  order_id TEXT REFERENCES orders (id),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  CHECK ((state = 'agreed') = (order_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX proposals_live_pair ON proposals (bid_id, listing_id)
  WHERE state IN ('open', 'accepted_buyer', 'accepted_seller');
CREATE INDEX proposals_live_by_seller ON proposals (seller_id, id) WHERE state IN ('open', 'accepted_buyer');
CREATE INDEX proposals_live_by_buyer ON proposals (buyer_id, id) WHERE state IN ('open', 'accepted_seller');
CREATE INDEX proposals_live_by_listing ON proposals (listing_id)
  WHERE state IN ('open', 'accepted_buyer', 'accepted_seller');
CREATE INDEX proposals_due ON proposals (expires_at) WHERE state IN ('open', 'accepted_buyer', 'accepted_seller');
CREATE INDEX proposals_refused ON proposals (produce, bid_id) WHERE state IN ('declined', 'lapsed');

-- When a produce is cleared next: whoever moves due_at on clears, nobody else does.
CREATE TABLE clearings (
  produce TEXT PRIMARY KEY,
  due_at INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  proposed INTEGER NOT NULL DEFAULT 0
) STRICT;
