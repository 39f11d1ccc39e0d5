-- How often one client asked for a code or tried one on the buyers' pages, by the hour. The client is a keyed digest of
-- its address: enough to count, and nothing to read.
CREATE TABLE web_tries (
    hour INTEGER NOT NULL,
    client TEXT NOT NULL,
    asked INTEGER NOT NULL,
    tried INTEGER NOT NULL,
    PRIMARY KEY (hour, client)
) STRICT;
