-- Dated exchange rates and limits of wallets, transfers that buyers were told of, and the lines of our bank's statement.

-- What a wallet lets one customer move, minor units; the last row that had begun on the day is in force.
CREATE TABLE wallet_limits (
  wallet TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  valid_from TEXT NOT NULL,
  per_transaction INTEGER NOT NULL CHECK (per_transaction > 0),
  per_day INTEGER NOT NULL CHECK (per_day >= per_transaction),
  estimate INTEGER NOT NULL CHECK (estimate IN (0, 1)),
  source TEXT NOT NULL,
  PRIMARY KEY (wallet, currency, valid_from)
) STRICT;

-- 1 base = rate quote, a decimal as text. A rate counts once a second person, or the hub's file, approved it.
CREATE TABLE exchange_rates (
  base TEXT NOT NULL CHECK (length(base) = 3),
  quote TEXT NOT NULL CHECK (length(quote) = 3),
  valid_from TEXT NOT NULL CHECK (length(valid_from) = 10),
  rate TEXT NOT NULL CHECK (length(rate) BETWEEN 1 AND 20),
  estimate INTEGER NOT NULL CHECK (estimate IN (0, 1)),
  source TEXT NOT NULL,
  entered_by TEXT NOT NULL,
  approved_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (base, quote, valid_from),
  CHECK (base <> quote),
  CHECK (approved_by = '' OR approved_by = 'file' OR approved_by <> entered_by)
) STRICT;

-- A transfer somebody was told of: a proforma, or money that goes back. Its rate is kept as it was that day. A newer
-- one for the same payment replaces it.
CREATE TABLE bank_transfers (
  reference TEXT PRIMARY KEY CHECK (length(reference) = 10),
  payment_id TEXT NOT NULL REFERENCES payments (id),
  order_id TEXT NOT NULL REFERENCES orders (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  rate TEXT NOT NULL,
  rate_day TEXT NOT NULL,
  rate_source TEXT NOT NULL,
  rate_estimate INTEGER NOT NULL CHECK (rate_estimate IN (0, 1)),
  issued_at INTEGER NOT NULL,
  valid_until INTEGER NOT NULL CHECK (valid_until > issued_at),
  replaced_at INTEGER
) STRICT;
CREATE UNIQUE INDEX bank_transfers_in_force ON bank_transfers (payment_id) WHERE replaced_at IS NULL;
CREATE INDEX bank_transfers_by_order ON bank_transfers (order_id, issued_at);

-- A line of the bank's statement, taken once. amount is below nothing where money left. `key` is the hash of the bank's
-- own id, or of the whole line where it has none; who paid is not kept.
CREATE TABLE bank_lines (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  bank_id TEXT NOT NULL,
  terms_hash TEXT NOT NULL,
  booked_on TEXT NOT NULL CHECK (length(booked_on) = 10),
  amount INTEGER NOT NULL CHECK (amount <> 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  reference TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('review', 'matched', 'confirmed')),
  why TEXT NOT NULL,
  payment_id TEXT REFERENCES payments (id),
  imported_by TEXT NOT NULL CHECK (length(imported_by) > 0),
  matched_by TEXT NOT NULL DEFAULT '',
  confirmed_by TEXT NOT NULL DEFAULT '',
  imported_at INTEGER NOT NULL,
  matched_at INTEGER,
  confirmed_at INTEGER,
  CHECK ((state = 'review') = (payment_id IS NULL)),
  CHECK ((state = 'review') = (matched_by = '')),
  CHECK ((state = 'confirmed') = (confirmed_by <> '')),
  CHECK (confirmed_by = '' OR (confirmed_by <> imported_by AND confirmed_by <> matched_by))
) STRICT;
CREATE UNIQUE INDEX bank_lines_of_payment ON bank_lines (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX bank_lines_open ON bank_lines (imported_at, id) WHERE state <> 'confirmed';

-- In which currency a buyer pays who pays through the bank.
ALTER TABLE settlements ADD COLUMN pay_currency TEXT NOT NULL DEFAULT '';
