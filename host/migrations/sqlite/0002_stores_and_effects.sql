-- Plugins' own stores. Each write gives an entry a version that none had before.
CREATE TABLE entry (
    plugin  TEXT    NOT NULL,
    bucket  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL,
    value   BLOB    NOT NULL,
    PRIMARY KEY (plugin, bucket, key)
) STRICT, WITHOUT ROWID;

-- version: the last write's; keys_version: that of the last write that added or removed a key.
CREATE TABLE store (
    plugin       TEXT    PRIMARY KEY,
    keys         INTEGER NOT NULL,
    keys_version INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What handlers asked for, committed with their delivery. due_at as in delivery.
CREATE TABLE effect (
    event_seq       INTEGER NOT NULL,
    delivery_number INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    plugin          TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'waiting', 'done', 'dead')),
    tries           INTEGER NOT NULL,
    due_at          INTEGER,
    depth           INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    masked          INTEGER NOT NULL, -- whether secrets stand in it as {secret:NAME}
    request         TEXT    NOT NULL, -- JSON
    PRIMARY KEY (event_seq, delivery_number, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX effect_open ON effect (plugin, due_at, event_seq, delivery_number, number) WHERE due_at IS NOT NULL;
CREATE INDEX effect_dead ON effect (event_seq) WHERE state = 'dead';

CREATE TABLE effect_try (
    event_seq       INTEGER NOT NULL,
    delivery_number INTEGER NOT NULL,
    effect_number   INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    outcome         TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    duration_us     INTEGER NOT NULL,
    detail          TEXT    NOT NULL,
    PRIMARY KEY (event_seq, delivery_number, effect_number, number)
) STRICT, WITHOUT ROWID;

-- Where events come from that a plugin emitted.
CREATE TABLE cause (
    event_seq        INTEGER PRIMARY KEY,
    caused_by_event  INTEGER NOT NULL,
    caused_by_number INTEGER NOT NULL,
    depth            INTEGER NOT NULL
) STRICT;
