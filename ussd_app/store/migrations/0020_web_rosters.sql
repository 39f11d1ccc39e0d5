-- The cooperatives' pages: a roster that was looked at and not yet taken. One for each person, an hour at most.
CREATE TABLE web_rosters (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  id TEXT NOT NULL UNIQUE,
  cooperative_id TEXT NOT NULL REFERENCES cooperatives (id),
  filename TEXT NOT NULL,
  rows_json TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX web_rosters_old ON web_rosters (at);
