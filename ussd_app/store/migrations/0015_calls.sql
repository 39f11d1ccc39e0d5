-- Wants: what buyers ask cooperatives for. Calls: what cooperatives ask their members for, and what these pledge.
-- Quantities are grams, millilitres or pieces; prices are minor units per kilogram, litre or piece.

-- handover_place '' is each cooperative's own place; handover_at NULL the produce's usual time after it was taken.
CREATE TABLE wants (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL,
  buyer_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  left_quantity INTEGER NOT NULL CHECK (left_quantity BETWEEN 0 AND quantity),
  price INTEGER NOT NULL CHECK (price > 0),
  price_floaters INTEGER CHECK (price_floaters >= 0),
  currency TEXT NOT NULL,
  point TEXT NOT NULL CHECK (point IN ('farm_gate', 'station')),
  handover_place TEXT NOT NULL CHECK (length(handover_place) <= 24),
  handover_at INTEGER,
  carrier TEXT NOT NULL CHECK (carrier IN ('seller', 'buyer')),
  settlement TEXT NOT NULL CHECK (settlement IN ('outside', 'pass_through', 'held')),
  tolerance_pct INTEGER NOT NULL CHECK (tolerance_pct BETWEEN 0 AND 100),
  closes_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'filled', 'withdrawn', 'expired')),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX wants_code ON wants (code) WHERE state = 'open';
CREATE INDEX wants_open_by_time ON wants (closes_at) WHERE state = 'open';
CREATE INDEX wants_of_buyer ON wants (buyer_id, id);

-- One row for each cooperative that is asked; waiting until its order window opens at alert_at.
CREATE TABLE want_alerts (
  want_id TEXT NOT NULL REFERENCES wants (id),
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'taken', 'refused', 'lapsed')),
  alert_at INTEGER NOT NULL,
  quantity INTEGER CHECK (quantity > 0),
  order_id TEXT REFERENCES orders (id),
  answered_by TEXT REFERENCES people (id),
  at INTEGER NOT NULL,
  PRIMARY KEY (want_id, cooperative_id),
  CHECK (state <> 'taken' OR (quantity IS NOT NULL AND answered_by IS NOT NULL))
) STRICT;
CREATE INDEX want_alerts_waiting ON want_alerts (alert_at) WHERE state = 'waiting';
CREATE INDEX want_alerts_of_cooperative ON want_alerts (cooperative_id, state, want_id);
CREATE INDEX want_alerts_taken ON want_alerts (order_id) WHERE state = 'taken';

-- sent_to is the last member's number that a message was decided for; sent_at NULL while some are left,
-- told_at NULL while some who pledged have not been told the outcome.
CREATE TABLE calls (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  order_id TEXT REFERENCES orders (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('g', 'ml', 'piece')),
  wanted INTEGER NOT NULL CHECK (wanted > 0),
  pledged INTEGER NOT NULL DEFAULT 0 CHECK (pledged BETWEEN 0 AND wanted),
  price INTEGER NOT NULL CHECK (price > 0),
  currency TEXT NOT NULL,
  grade TEXT NOT NULL DEFAULT '',
  station_id TEXT NOT NULL REFERENCES stations (id),
  until_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'full', 'closed')),
  called_by TEXT NOT NULL REFERENCES people (id),
  at INTEGER NOT NULL,
  ended_at INTEGER,
  sent_to INTEGER NOT NULL DEFAULT 0,
  sent_at INTEGER,
  told_at INTEGER
) STRICT;
CREATE UNIQUE INDEX calls_code ON calls (code) WHERE state = 'open';
CREATE INDEX calls_by_code ON calls (code, id);
CREATE INDEX calls_of_cooperative ON calls (cooperative_id, id);
CREATE INDEX calls_open ON calls (cooperative_id, produce, until_at) WHERE state = 'open';
CREATE INDEX calls_due ON calls (until_at) WHERE state = 'open';
CREATE INDEX calls_to_send ON calls (id) WHERE sent_at IS NULL;
CREATE INDEX calls_to_tell ON calls (id) WHERE told_at IS NULL;
CREATE INDEX calls_of_order ON calls (order_id) WHERE order_id IS NOT NULL;

-- quantity is what counts, asked what she said: the last one may be taken in part.
CREATE TABLE pledges (
  id TEXT PRIMARY KEY,
  call_id TEXT NOT NULL REFERENCES calls (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  asked INTEGER NOT NULL CHECK (asked >= quantity),
  brought INTEGER NOT NULL DEFAULT 0 CHECK (brought >= 0),
  state TEXT NOT NULL CHECK (state IN ('standing', 'withdrawn')),
  via TEXT NOT NULL CHECK (via IN ('dial', 'sms')),
  told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
  at INTEGER NOT NULL,
  UNIQUE (call_id, person_id)
) STRICT;
CREATE INDEX pledges_of_person ON pledges (person_id, call_id);

-- Whether she may be sent her cooperative's calls: until she says STOP, however she stands to news.
ALTER TABLE people ADD COLUMN calls INTEGER NOT NULL DEFAULT 1 CHECK (calls IN (0, 1));

-- Whom a call was sent to, and why not the others: stopped, cap, no_phone, not_active, far, quiet.
CREATE TABLE call_messages (
  call_id TEXT NOT NULL REFERENCES calls (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  state TEXT NOT NULL CHECK (state IN ('sent', 'not_sent')),
  why TEXT NOT NULL DEFAULT '',
  outbox_id TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (call_id, person_id)
) STRICT;
CREATE INDEX call_messages_of_person ON call_messages (person_id, at) WHERE state = 'sent';
