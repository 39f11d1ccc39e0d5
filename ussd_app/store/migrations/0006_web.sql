-- The buyers' pages: when a buyer last signed out, and the forms already sent.

-- Sessions begun before this moment are over, wherever a copy of their cookie may be.
CREATE TABLE web_sign_outs (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  at INTEGER NOT NULL
) STRICT;

-- A form carries a key of its own: sent twice, it makes one offer.
CREATE TABLE web_posts (
  person_id TEXT NOT NULL REFERENCES people (id),
  post_key TEXT NOT NULL,
  offer_id TEXT REFERENCES offers (id),
  at INTEGER NOT NULL,
  PRIMARY KEY (person_id, post_key)
) STRICT;
