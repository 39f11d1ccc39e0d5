-- Pay lists: what an order of a cooperative brought, or a season's second payment, split among those who delivered.

-- fund is where the money is: 'market' = it comes and goes through us, 'outside' = the cooperative gives it out itself.
-- good is base units; total, fee, advance and rounding are minor units. rounding: how many went to the largest remainders.
CREATE TABLE pay_lists (
  id TEXT PRIMARY KEY,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  order_id TEXT REFERENCES orders (id),
  season TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL CHECK (kind IN ('first', 'second')),
  fund TEXT NOT NULL CHECK (fund IN ('market', 'outside')),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  count INTEGER NOT NULL DEFAULT 0 CHECK (count >= 0),
  good INTEGER NOT NULL DEFAULT 0 CHECK (good >= 0),
  total INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
  fee INTEGER NOT NULL DEFAULT 0 CHECK (fee >= 0),
  advance INTEGER NOT NULL DEFAULT 0 CHECK (advance >= 0),
  rounding INTEGER NOT NULL DEFAULT 0 CHECK (rounding >= 0),
  state TEXT NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'paying', 'done', 'void')),
  approved_by TEXT,
  collect_stop TEXT NOT NULL DEFAULT '',
  next_at INTEGER,
  at INTEGER NOT NULL,
  approved_at INTEGER,
  done_at INTEGER,
  CHECK ((kind = 'first') = (order_id IS NOT NULL)),
  CHECK ((kind = 'second') = (season <> '')),
  CHECK (fee + advance <= total),
  CHECK (state IN ('draft', 'void') OR approved_by IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX pay_lists_of_order ON pay_lists (order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX pay_lists_of_season ON pay_lists (cooperative_id, produce, season) WHERE kind = 'second' AND state <> 'void';
CREATE INDEX pay_lists_by_cooperative ON pay_lists (cooperative_id, id);
CREATE INDEX pay_lists_due ON pay_lists (next_at) WHERE next_at IS NOT NULL;

-- own = 1: the cooperative's own, what was deducted from the others. moved is what stands, or stood, on the receiver's
-- account in the books. A share's payments carry its id; 'recorded' was given out by the cooperative itself.
CREATE TABLE shares (
  id TEXT PRIMARY KEY,
  pay_list_id TEXT NOT NULL REFERENCES pay_lists (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  own INTEGER NOT NULL CHECK (own IN (0, 1)),
  place INTEGER NOT NULL,
  good INTEGER NOT NULL CHECK (good >= 0),
  amount INTEGER NOT NULL CHECK (amount >= 0),
  fee INTEGER NOT NULL CHECK (fee >= 0),
  advance INTEGER NOT NULL CHECK (advance >= 0),
  net INTEGER NOT NULL CHECK (net >= 0),
  via TEXT NOT NULL CHECK (via IN ('wallet', 'cash', 'sacco')),
  state TEXT NOT NULL DEFAULT 'draft'
    CHECK (state IN ('draft', 'waiting', 'held', 'sent', 'failed', 'paid', 'recorded', 'contested')),
  why TEXT NOT NULL DEFAULT '',
  moved INTEGER NOT NULL DEFAULT 0 CHECK (moved >= 0),
  payment_id TEXT,
  note TEXT NOT NULL DEFAULT '',
  recorded_by TEXT,
  contest_until INTEGER,
  next_at INTEGER,
  paid_at INTEGER,
  changed_at INTEGER NOT NULL,
  CHECK (own = 1 OR amount = fee + advance + net),
  CHECK (state <> 'recorded' OR (via <> 'wallet' AND recorded_by IS NOT NULL AND contest_until IS NOT NULL)),
  UNIQUE (pay_list_id, person_id)
) STRICT;
CREATE INDEX shares_by_list ON shares (pay_list_id, own, place, id);
CREATE INDEX shares_by_person ON shares (person_id, id);
CREATE INDEX shares_open ON shares (pay_list_id, state) WHERE state IN ('waiting', 'held', 'recorded');
CREATE INDEX shares_due ON shares (next_at) WHERE next_at IS NOT NULL;

-- Inputs on credit that a share brings back, by name.
CREATE TABLE share_deductions (
  share_id TEXT NOT NULL REFERENCES shares (id),
  advance_id TEXT NOT NULL REFERENCES advances (id),
  name TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  PRIMARY KEY (share_id, advance_id)
) STRICT;
