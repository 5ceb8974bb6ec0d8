-- Events whose personal values were overwritten. They cannot run again.
CREATE TABLE erased_event (
    event_seq INTEGER PRIMARY KEY,
    erased_at INTEGER NOT NULL -- ms since the Unix epoch
) STRICT;

-- Erasures that operators requested. One in progress goes on after a restart.
CREATE TABLE erasure (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    asked_at  INTEGER NOT NULL, -- ms since the Unix epoch
    request   TEXT    NOT NULL, -- JSON: the selection, and whether it is a dry run
    sources   TEXT    NOT NULL, -- JSON: the personal values of each source, as they were configured then
    state     TEXT    NOT NULL CHECK (state IN ('running', 'done')),
    found     INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL, -- the newest event then; later ones are not included
    after_seq INTEGER NOT NULL, -- the last event that was processed
    erased    INTEGER NOT NULL,
    skipped   TEXT    NOT NULL, -- JSON: the number of skipped events for each reason
    first     TEXT    NOT NULL  -- JSON: the first events, without values
) STRICT;
CREATE INDEX erasure_running ON erasure (id) WHERE state = 'running';
