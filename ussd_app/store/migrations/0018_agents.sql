-- Field agents: who they are, whom they registered, what they did for them, and what they earn by it.

CREATE TABLE agents (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  cooperative_id TEXT REFERENCES cooperatives (id),
  daily_cap INTEGER NOT NULL CHECK (daily_cap BETWEEN 1 AND 500),
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'removed')),
  given_by TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- Where an agent may register; none is the whole country.
CREATE TABLE agent_districts (
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  district TEXT NOT NULL,
  PRIMARY KEY (agent_id, district)
) STRICT;

-- registered_by is for ever (it earns), agent_id is who looks after her now.
CREATE TABLE registrations (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  registered_by TEXT NOT NULL REFERENCES agents (person_id),
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  produce TEXT NOT NULL,
  via TEXT NOT NULL CHECK (via IN ('dial', 'sms')),
  day TEXT NOT NULL CHECK (length(day) = 10),
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX registrations_agent ON registrations (agent_id, at, person_id);
CREATE INDEX registrations_cap ON registrations (registered_by, day);
CREATE INDEX registrations_day ON registrations (day, person_id);

-- What an agent wrote down to sell for a seller. It is for sale only after her own yes.
CREATE TABLE listing_drafts (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  seller_id TEXT NOT NULL REFERENCES people (id),
  produce TEXT NOT NULL,
  unit TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL CHECK (price > 0),
  currency TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'listed', 'refused', 'lapsed')),
  listing_id TEXT REFERENCES listings (id),
  said_by TEXT NOT NULL DEFAULT '' CHECK (said_by IN ('', 'code', 'dial')),
  at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((state = 'listed') = (listing_id IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX listing_drafts_waiting ON listing_drafts (seller_id) WHERE state = 'waiting';
CREATE INDEX listing_drafts_agent ON listing_drafts (agent_id) WHERE state = 'waiting';

-- Where her produce grows: a village, or a point in millionths of a degree with how and when it was taken.
CREATE TABLE plots (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES people (id),
  number INTEGER NOT NULL CHECK (number > 0),
  kind TEXT NOT NULL CHECK (kind IN ('village', 'point')),
  village TEXT NOT NULL DEFAULT '',
  latitude INTEGER CHECK (latitude BETWEEN -90000000 AND 90000000),
  longitude INTEGER CHECK (longitude BETWEEN -180000000 AND 180000000),
  decimals INTEGER NOT NULL DEFAULT 0,
  method TEXT NOT NULL CHECK (method IN ('village', 'gps', 'phone', 'map')),
  taken_day TEXT NOT NULL CHECK (length(taken_day) = 10),
  ares INTEGER NOT NULL CHECK (ares > 0),
  noted_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  CHECK ((kind = 'point') = (latitude IS NOT NULL AND longitude IS NOT NULL)),
  CHECK ((kind = 'village') = (village <> ''))
) STRICT;

CREATE UNIQUE INDEX plots_number ON plots (person_id, number);

-- What makes a registration doubtful; an open one earns nothing.
CREATE TABLE agent_flags (
  person_id TEXT NOT NULL REFERENCES people (id),
  kind TEXT NOT NULL CHECK (kind IN ('number', 'wallet', 'agent_wallet', 'ghost')),
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'cleared')),
  at INTEGER NOT NULL,
  cleared_by TEXT NOT NULL DEFAULT '',
  cleared_why TEXT NOT NULL DEFAULT '',
  cleared_at INTEGER,
  PRIMARY KEY (person_id, kind)
) STRICT;

CREATE INDEX agent_flags_open ON agent_flags (at, person_id) WHERE state = 'open';

-- Once per seller ever.
CREATE TABLE commissions (
  seller_id TEXT PRIMARY KEY REFERENCES people (id),
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  order_id TEXT NOT NULL REFERENCES orders (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  payer TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  transfer_id TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX commissions_agent ON commissions (agent_id, at);

-- Who was drawn to be rung, and what she said.
CREATE TABLE agent_checks (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  agent_id TEXT NOT NULL REFERENCES agents (person_id),
  day TEXT NOT NULL,
  drawn_by TEXT NOT NULL,
  drawn_at INTEGER NOT NULL,
  outcome TEXT NOT NULL DEFAULT 'waiting' CHECK (outcome IN ('waiting', 'true', 'ghost', 'unreached')),
  noted_by TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT '',
  noted_at INTEGER
) STRICT;

CREATE INDEX agent_checks_day ON agent_checks (day, person_id);
