-- Cooperatives: a code to join by, an account that sells, stations, who acts for it, members, terms, inputs on credit.

-- account_id is a row of people without a number (msisdn ''): its listings and orders are the cooperative's.
ALTER TABLE cooperatives ADD COLUMN code TEXT;
ALTER TABLE cooperatives ADD COLUMN account_id TEXT REFERENCES people (id);
ALTER TABLE cooperatives ADD COLUMN district TEXT NOT NULL DEFAULT '';
ALTER TABLE cooperatives ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed'));

CREATE UNIQUE INDEX cooperatives_code ON cooperatives (code) WHERE code IS NOT NULL;
CREATE UNIQUE INDEX cooperatives_account ON cooperatives (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX cooperatives_district ON cooperatives (district, id) WHERE state = 'active';

CREATE TABLE stations (
  id TEXT PRIMARY KEY,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  name TEXT NOT NULL,
  place TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX stations_name ON stations (cooperative_id, name);

-- Who acts for a cooperative. station_id is where a clerk weighs; NULL is every station.
CREATE TABLE cooperative_roles (
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  role TEXT NOT NULL CHECK (role IN ('manager', 'clerk')),
  station_id TEXT REFERENCES stations (id),
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'removed')),
  given_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (cooperative_id, person_id, role)
) STRICT;

CREATE INDEX cooperative_roles_person ON cooperative_roles (person_id, cooperative_id) WHERE state = 'active';

-- number is for life within the cooperative, given with the first yes and kept by who leaves and comes back.
CREATE TABLE members (
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  number INTEGER CHECK (number > 0),
  state TEXT NOT NULL CHECK (state IN ('asked', 'active', 'refused', 'left')),
  joined_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  at INTEGER NOT NULL,
  decided_by TEXT,
  PRIMARY KEY (cooperative_id, person_id),
  CHECK (state <> 'active' OR number IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX members_number ON members (cooperative_id, number) WHERE number IS NOT NULL;
CREATE INDEX members_person ON members (person_id, state);
CREATE INDEX members_asked ON members (cooperative_id, asked_at, person_id) WHERE state = 'asked';

CREATE TABLE member_produce (
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  PRIMARY KEY (cooperative_id, person_id, produce)
) STRICT;

CREATE INDEX member_produce_growers ON member_produce (cooperative_id, produce, person_id);

-- Dated: the last row that had begun is in force, one for the produce before one for all ('').
CREATE TABLE cooperative_terms (
  id TEXT PRIMARY KEY,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  produce TEXT NOT NULL DEFAULT '',
  valid_from TEXT NOT NULL CHECK (length(valid_from) = 10),
  fee_per_unit INTEGER NOT NULL CHECK (fee_per_unit >= 0),
  advance_pct INTEGER NOT NULL CHECK (advance_pct BETWEEN 0 AND 100),
  order_from_minute INTEGER NOT NULL CHECK (order_from_minute BETWEEN 0 AND 1439),
  order_to_minute INTEGER NOT NULL CHECK (order_to_minute BETWEEN 1 AND 1440),
  CHECK (order_to_minute > order_from_minute)
) STRICT;

CREATE UNIQUE INDEX cooperative_terms_day ON cooperative_terms (cooperative_id, produce, valid_from);

-- Inputs given on credit: left_amount is what shares still have to bring back, minor units.
CREATE TABLE advances (
  id TEXT PRIMARY KEY,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  person_id TEXT NOT NULL REFERENCES people (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  left_amount INTEGER NOT NULL CHECK (left_amount BETWEEN 0 AND amount),
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  given_by TEXT NOT NULL
) STRICT;

CREATE INDEX advances_open ON advances (cooperative_id, person_id, at, id) WHERE left_amount > 0;

-- Sellers who were of a cooperative before are its members.
INSERT INTO members (cooperative_id, person_id, number, state, joined_by, asked_at, at, decided_by)
SELECT s.cooperative_id, s.person_id, row_number() OVER (PARTITION BY s.cooperative_id ORDER BY s.created_at, s.person_id),
       'active', 'before', s.created_at, s.created_at, 'before'
FROM sellers s WHERE s.cooperative_id IS NOT NULL;
