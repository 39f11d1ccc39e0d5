-- Weighing at a cooperative's station, the lists of a day, and lots with the trail back to who brought what.
-- Quantities are grams, millilitres or pieces; prices are minor units per kilogram, litre or piece.

-- What a cooperative pays from a day on, unless a call or an order says otherwise; one for the grade before one for all ('').
CREATE TABLE day_prices (
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  produce TEXT NOT NULL,
  grade TEXT NOT NULL DEFAULT '',
  valid_from TEXT NOT NULL CHECK (length(valid_from) = 10),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters >= 0),
  currency TEXT NOT NULL,
  set_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (cooperative_id, produce, grade, valid_from)
) STRICT;

-- What came over the scale of a cooperative on a day. The sums count each row less the one it corrects, so that all lists
-- together are what stands today. A closed list never changes: what comes later opens the next number.
CREATE TABLE day_lists (
  id TEXT PRIMARY KEY,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  day TEXT NOT NULL CHECK (length(day) = 10),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  number INTEGER NOT NULL CHECK (number > 0),
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  count INTEGER NOT NULL DEFAULT 0,
  gross INTEGER NOT NULL DEFAULT 0,
  floaters INTEGER NOT NULL DEFAULT 0,
  good INTEGER NOT NULL DEFAULT 0,
  closed_by TEXT,
  closed_at INTEGER,
  CHECK (gross = floaters + good),
  CHECK ((state = 'closed') = (closed_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX day_lists_number ON day_lists (cooperative_id, day, produce, number);
CREATE UNIQUE INDEX day_lists_open ON day_lists (cooperative_id, day, produce) WHERE state = 'open';

-- One weighing. A correction is a row of its own that names the old one (corrects); a row that takes one away weighs nothing
-- and is void from the start. call_id and order_id say for which call of the cooperative it came.
CREATE TABLE intakes (
  id TEXT PRIMARY KEY,
  receipt TEXT NOT NULL UNIQUE CHECK (length(receipt) = 8),
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  station_id TEXT NOT NULL REFERENCES stations (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  list_id TEXT NOT NULL REFERENCES day_lists (id),
  call_id TEXT,
  order_id TEXT REFERENCES orders (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  gross INTEGER NOT NULL CHECK (gross >= 0),
  floaters INTEGER NOT NULL CHECK (floaters >= 0),
  good INTEGER NOT NULL CHECK (good >= 0),
  grade TEXT NOT NULL DEFAULT '',
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters >= 0),
  currency TEXT NOT NULL,
  clerk_id TEXT NOT NULL REFERENCES people (id),
  day TEXT NOT NULL CHECK (length(day) = 10),
  season TEXT NOT NULL CHECK (length(season) = 4),
  state TEXT NOT NULL CHECK (state IN ('recorded', 'contested', 'corrected', 'void')),
  contest_until INTEGER NOT NULL,
  contested_why TEXT,
  contested_at INTEGER,
  decided_by TEXT,
  decided_why TEXT,
  decided_at INTEGER,
  corrects TEXT UNIQUE REFERENCES intakes (id),
  at INTEGER NOT NULL,
  CHECK (gross = good + floaters),
  CHECK (gross > 0 OR state = 'void')
) STRICT;
CREATE INDEX intakes_by_member ON intakes (person_id, cooperative_id, id);
CREATE INDEX intakes_by_season ON intakes (cooperative_id, season, person_id, produce);
CREATE INDEX intakes_by_list ON intakes (list_id, id);
CREATE INDEX intakes_by_order ON intakes (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX intakes_by_call ON intakes (call_id, id) WHERE call_id IS NOT NULL;
CREATE INDEX intakes_contested ON intakes (cooperative_id, contested_at, id) WHERE state = 'contested';

-- quantity is what came into a lot, left_quantity what has not gone on from it. Grade floaters: what floated.
CREATE TABLE lots (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  station_id TEXT REFERENCES stations (id),
  kind TEXT NOT NULL CHECK (kind IN ('day', 'export')),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  grade TEXT NOT NULL DEFAULT '',
  from_day TEXT NOT NULL CHECK (length(from_day) = 10),
  to_day TEXT NOT NULL CHECK (length(to_day) = 10),
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  left_quantity INTEGER NOT NULL CHECK (left_quantity BETWEEN 0 AND quantity),
  state TEXT NOT NULL CHECK (state IN ('gathering', 'ready', 'spent', 'shipped', 'delivered')),
  order_id TEXT REFERENCES orders (id),
  made_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  CHECK ((order_id IS NOT NULL) = (state IN ('shipped', 'delivered'))),
  CHECK (kind = 'day' OR state <> 'gathering')
) STRICT;
CREATE UNIQUE INDEX lots_gathering ON lots (station_id, produce, grade, from_day) WHERE state = 'gathering';
CREATE INDEX lots_by_cooperative ON lots (cooperative_id, id);
CREATE INDEX lots_in_store ON lots (cooperative_id, produce, grade, from_day, id) WHERE state IN ('gathering', 'ready');
CREATE INDEX lots_by_order ON lots (order_id, id) WHERE order_id IS NOT NULL;

-- The trail: quantity of this lot is of that intake, which entered the day lot day_lot_id, and was taken out of
-- from_lot_id (NULL: brought to the scale). taken is what left from_lot_id for it: more than quantity only where goods
-- changed their form.
CREATE TABLE lot_parts (
  lot_id TEXT NOT NULL REFERENCES lots (id),
  intake_id TEXT NOT NULL REFERENCES intakes (id),
  day_lot_id TEXT NOT NULL REFERENCES lots (id),
  from_lot_id TEXT REFERENCES lots (id),
  taken INTEGER NOT NULL CHECK (taken > 0),
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 0 AND taken)
) STRICT;
CREATE INDEX lot_parts_of_lot ON lot_parts (lot_id, intake_id);
CREATE INDEX lot_parts_from_lot ON lot_parts (from_lot_id) WHERE from_lot_id IS NOT NULL;
CREATE INDEX lot_parts_of_intake ON lot_parts (intake_id);

-- Goods that changed their form: what went in, what came out, and so what was lost.
CREATE TABLE lot_processes (
  lot_id TEXT PRIMARY KEY REFERENCES lots (id),
  produce_in TEXT NOT NULL,
  in_quantity INTEGER NOT NULL CHECK (in_quantity > 0),
  out_quantity INTEGER NOT NULL CHECK (out_quantity > 0 AND out_quantity <= in_quantity),
  by_person TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- The last number of each series of lots.
CREATE TABLE lot_series (
  series TEXT PRIMARY KEY,
  last INTEGER NOT NULL CHECK (last > 0)
) STRICT;
