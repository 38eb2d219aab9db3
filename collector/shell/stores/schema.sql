-- The embedded store. A bucket is 300000 ms (5 minutes): measured ten times faster than the key (series, ts),
-- and retention is the deletion of whole buckets at the front of the tree.
CREATE TABLE IF NOT EXISTS series (
    id          INTEGER PRIMARY KEY,
    measurement TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    device      TEXT NOT NULL,
    key         TEXT NOT NULL,
    boolean     INTEGER NOT NULL DEFAULT 0, -- SQLite has no booleans: its samples are 0 and 1
    UNIQUE (gateway, device, key, measurement)
) STRICT;

-- Causes by number, since nearly every sample has none: 0.
CREATE TABLE IF NOT EXISTS cause (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS sample (
    bucket INTEGER NOT NULL,
    series INTEGER NOT NULL,
    ts     INTEGER NOT NULL, -- milliseconds since 1970 UTC
    v      ANY,              -- NULL where the reading was BAD
    q      INTEGER NOT NULL,
    PRIMARY KEY (bucket, series, ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS latest (
    series INTEGER PRIMARY KEY,
    ts     INTEGER NOT NULL,
    v      ANY,
    q      INTEGER NOT NULL
) STRICT;
