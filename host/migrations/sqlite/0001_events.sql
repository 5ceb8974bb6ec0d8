-- What was accepted, in order of acceptance. AUTOINCREMENT: a number is never used again, not even
-- after the newest events were pruned. The body is last, so that the rest is read without it.
CREATE TABLE event (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    created       TEXT    NOT NULL,
    received_at   INTEGER NOT NULL,
    ordering_key  TEXT,
    deliveries    INTEGER NOT NULL,
    payload_start INTEGER NOT NULL,
    payload_end   INTEGER NOT NULL,
    digest        BLOB    NOT NULL,
    body          BLOB    NOT NULL
) STRICT;

CREATE INDEX event_unhandled ON event (seq) WHERE deliveries = 0;

-- Apart from the events, because it outlives them.
CREATE TABLE idempotency_key (
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    event_seq   INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- due_at: 0 = now, a time (ms) = not before it, NULL = done or dead. So one small index holds
-- exactly the open deliveries, in the order in which they are leased.
CREATE TABLE delivery (
    event_seq INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    plugin    TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('pending', 'waiting', 'done', 'dead')),
    attempts  INTEGER NOT NULL,
    due_at    INTEGER,
    PRIMARY KEY (event_seq, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_open ON delivery (plugin, due_at, event_seq, number) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_dead ON delivery (event_seq) WHERE state = 'dead';

CREATE TABLE attempt (
    event_seq         INTEGER NOT NULL,
    delivery_number   INTEGER NOT NULL,
    number            INTEGER NOT NULL,
    outcome           TEXT    NOT NULL,
    cause             TEXT,
    reason            TEXT,
    revision          BLOB    NOT NULL,
    started_at        INTEGER NOT NULL,
    duration_us       INTEGER NOT NULL,
    peak_memory_bytes INTEGER NOT NULL,
    logs              TEXT, -- a JSON array of lines; NULL = none
    PRIMARY KEY (event_seq, delivery_number, number)
) STRICT, WITHOUT ROWID;

-- Payloads that came with an id that another payload had taken.
CREATE TABLE conflict (
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (source, id, digest)
) STRICT;

-- Plugins whose open deliveries are held: one row, however many deliveries there are.
CREATE TABLE held_plugin (
    plugin TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Written to find out whether writing works.
CREATE TABLE probe (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    written_at INTEGER NOT NULL
) STRICT;
