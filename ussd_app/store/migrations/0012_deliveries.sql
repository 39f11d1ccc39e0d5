-- What was weighed, what is owed for it and to which wallet, and what people disagree on.
-- Quantities are grams, millilitres or pieces; amounts are minor units.

-- weighed counts the deliveries that stand (recorded or agreed): while there are any, an order is neither undone nor
-- freed. rest_quantity is what was agreed and never came; quantity is then what did.
ALTER TABLE orders ADD COLUMN weighed INTEGER NOT NULL DEFAULT 0 CHECK (weighed >= 0);
ALTER TABLE orders ADD COLUMN rest_quantity INTEGER NOT NULL DEFAULT 0 CHECK (rest_quantity >= 0);
CREATE INDEX orders_held_by_regret ON orders (regret_until) WHERE settlement = 'held' AND state = 'agreed';

-- due_at is when somebody must be reminded, NULL for never; reminders counts how often that was done.
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  receipt TEXT NOT NULL UNIQUE CHECK (length(receipt) = 8),
  order_id TEXT NOT NULL REFERENCES orders (id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  buyer_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  gross INTEGER NOT NULL CHECK (gross > 0),
  floaters INTEGER NOT NULL CHECK (floaters >= 0),
  good INTEGER NOT NULL CHECK (good >= 0),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters >= 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  net INTEGER NOT NULL CHECK (net >= 0),
  fee INTEGER NOT NULL CHECK (fee >= 0),
  recorded_by TEXT NOT NULL CHECK (length(recorded_by) BETWEEN 1 AND 40),
  recorded_as TEXT NOT NULL CHECK (recorded_as IN ('buyer', 'collector', 'clerk')),
  state TEXT NOT NULL CHECK (state IN ('recorded', 'agreed', 'refused', 'lapsed')),
  why TEXT NOT NULL DEFAULT '',
  ended_by TEXT NOT NULL DEFAULT '',
  reminders INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER,
  recorded_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK (gross = good + floaters),
  CHECK (floaters = 0 OR price_floaters IS NOT NULL),
  CHECK ((state = 'recorded') = (ended_at IS NULL)),
  CHECK (state = 'recorded' OR due_at IS NULL)
) STRICT;
CREATE UNIQUE INDEX deliveries_waiting ON deliveries (order_id) WHERE state = 'recorded';
CREATE INDEX deliveries_by_order ON deliveries (order_id, id);
CREATE INDEX deliveries_by_seller ON deliveries (seller_id, id);
CREATE INDEX deliveries_agreed_by_seller ON deliveries (seller_id, ended_at) WHERE state = 'agreed';
CREATE INDEX deliveries_waiting_by_seller ON deliveries (seller_id, id) WHERE state = 'recorded';
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE delivery_deductions (
  delivery_id TEXT NOT NULL REFERENCES deliveries (id),
  place INTEGER NOT NULL CHECK (place BETWEEN 1 AND 6),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 20),
  amount INTEGER NOT NULL CHECK (amount > 0),
  PRIMARY KEY (delivery_id, place),
  UNIQUE (delivery_id, name)
) STRICT;

-- What the buyer owes for an order (due) and what the seller gets of it (owed); fee is the market's own. What was asked
-- and paid stands in payments. shared is what moved on to the seller's account in the books. The stops say why nothing
-- more is asked until a person acts; hold says why the payout waits, next_at when it is looked at again.
CREATE TABLE settlements (
  order_id TEXT PRIMARY KEY REFERENCES orders (id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  due INTEGER NOT NULL DEFAULT 0 CHECK (due >= 0),
  owed INTEGER NOT NULL DEFAULT 0 CHECK (owed >= 0),
  fee INTEGER NOT NULL DEFAULT 0 CHECK (fee >= 0),
  shared INTEGER NOT NULL DEFAULT 0 CHECK (shared >= 0),
  ruled INTEGER NOT NULL DEFAULT 0 CHECK (ruled IN (0, 1)),
  pay_provider TEXT NOT NULL DEFAULT '',
  collect_stop TEXT NOT NULL DEFAULT '',
  payout_stop TEXT NOT NULL DEFAULT '',
  refund_stop TEXT NOT NULL DEFAULT '',
  hold TEXT NOT NULL DEFAULT '',
  hold_until INTEGER,
  confirmed_at INTEGER,
  next_at INTEGER,
  done_at INTEGER,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX settlements_due ON settlements (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX settlements_open ON settlements (order_id) WHERE done_at IS NULL;
CREATE INDEX settlements_on_hold ON settlements (seller_id) WHERE hold <> '';

-- Where a person's money goes. 'own' is the number she dials from until she chooses another. A change waits until
-- ready_at, and for owner_id's yes where the number is another person's, and for a second operator unless she asked.
CREATE TABLE wallets (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES people (id),
  provider TEXT NOT NULL CHECK (length(provider) > 0),
  msisdn TEXT NOT NULL,
  own INTEGER NOT NULL CHECK (own IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('waiting', 'active', 'replaced', 'cancelled')),
  asked_by TEXT NOT NULL,
  approved_by TEXT NOT NULL DEFAULT '',
  owner_id TEXT REFERENCES people (id),
  owner_yes_at INTEGER,
  ready_at INTEGER NOT NULL,
  holder TEXT NOT NULL DEFAULT 'unasked'
    CHECK (holder IN ('unasked', 'same', 'part', 'differs', 'unknown', 'inactive', 'allowed', 'forbidden')),
  holder_name TEXT NOT NULL DEFAULT '',
  looks INTEGER NOT NULL DEFAULT 0,
  look_at INTEGER,
  decided_by TEXT NOT NULL DEFAULT '',
  decided_why TEXT NOT NULL DEFAULT '',
  decided_at INTEGER,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  CHECK (approved_by <> asked_by),
  CHECK (state <> 'active' OR asked_by = 'self' OR approved_by <> ''),
  CHECK (state <> 'active' OR owner_id IS NULL OR owner_yes_at IS NOT NULL),
  CHECK (holder NOT IN ('allowed', 'forbidden') OR decided_why <> '')
) STRICT;
CREATE UNIQUE INDEX wallets_active ON wallets (person_id) WHERE state = 'active';
CREATE UNIQUE INDEX wallets_waiting ON wallets (person_id) WHERE state = 'waiting';
CREATE INDEX wallets_ready ON wallets (ready_at) WHERE state = 'waiting';
CREATE INDEX wallets_by_owner ON wallets (owner_id, id) WHERE state = 'waiting' AND owner_id IS NOT NULL;
CREATE INDEX wallets_to_look_at ON wallets (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX wallets_by_number ON wallets (msisdn) WHERE state IN ('waiting', 'active');
CREATE INDEX wallets_by_person ON wallets (person_id, id);
CREATE INDEX wallets_to_decide ON wallets (changed_at)
  WHERE state = 'active' AND holder IN ('part', 'differs', 'unknown', 'inactive');

-- was is where the order stood; a claim came after it was settled and moves it no more. amount is what the seller gets.
CREATE TABLE disputes (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (id),
  opened_by TEXT NOT NULL REFERENCES people (id),
  side TEXT NOT NULL CHECK (side IN ('seller', 'buyer')),
  kind TEXT NOT NULL CHECK (kind IN ('not_received', 'weight', 'quality', 'price', 'not_come', 'other')),
  words TEXT NOT NULL DEFAULT '',
  was TEXT NOT NULL CHECK (was IN ('agreed', 'delivered', 'settled')),
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ended')),
  proposed_by TEXT REFERENCES people (id),
  proposed_as TEXT CHECK (proposed_as IN ('settled', 'cancelled')),
  proposed_amount INTEGER CHECK (proposed_amount >= 0),
  ended_as TEXT CHECK (ended_as IN ('withdrawn', 'agreement', 'partial', 'cancelled', 'decision')),
  amount INTEGER CHECK (amount >= 0),
  decided_by TEXT NOT NULL DEFAULT '',
  decided_why TEXT NOT NULL DEFAULT '',
  opened_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((state = 'ended') = (ended_as IS NOT NULL)),
  CHECK ((proposed_by IS NULL) = (proposed_as IS NULL)),
  CHECK ((decided_by = '') = (decided_why = '')),
  CHECK (ended_as <> 'decision' OR decided_why <> '')
) STRICT;
CREATE UNIQUE INDEX disputes_open ON disputes (order_id) WHERE state = 'open';
CREATE INDEX disputes_by_order ON disputes (order_id, id);
CREATE INDEX disputes_open_by_time ON disputes (opened_at, id) WHERE state = 'open';
