-- Order. `ordering`: 8 bytes of SHA-256 over plugin, source and ordering key; NULL = runs whenever it is
-- due. Of the open deliveries with the same one, the first has a due_at from 0 on and the others have -1:
-- they wait for it to close, and no lease finds them.
ALTER TABLE delivery ADD COLUMN ordering INTEGER;
CREATE INDEX delivery_order ON delivery (ordering, event_seq, number)
    WHERE due_at IS NOT NULL AND ordering IS NOT NULL;

-- Attempts that count against attempts_max: those that the host failed do not.
ALTER TABLE delivery ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET failures = attempts WHERE due_at IS NOT NULL;

-- How a dead letter was dealt with; NULL = not yet.
ALTER TABLE delivery ADD COLUMN settled TEXT CHECK (settled IN ('replayed', 'discarded'));
DROP INDEX delivery_dead;
CREATE INDEX delivery_dead ON delivery (event_seq, number) WHERE state = 'dead' AND settled IS NULL;

-- tries_before: tries made before it was last run again by hand; they do not count.
ALTER TABLE effect ADD COLUMN tries_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE effect ADD COLUMN settled TEXT CHECK (settled IN ('discarded'));
DROP INDEX effect_dead;
CREATE INDEX effect_dead ON effect (event_seq, delivery_number, number) WHERE state = 'dead' AND settled IS NULL;

-- Plugins that an operator paused: their open deliveries are held like those of absent ones.
CREATE TABLE paused_plugin (
    plugin    TEXT PRIMARY KEY,
    paused_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What operators asked to be run again. Goes on after a restart where it was left.
CREATE TABLE replay (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    asked_at     INTEGER NOT NULL,
    request      TEXT    NOT NULL, -- JSON
    state        TEXT    NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    found        INTEGER NOT NULL,
    last_seq     INTEGER NOT NULL, -- the newest event then: later ones are not its concern
    after_seq    INTEGER NOT NULL, -- the last one looked at
    after_number INTEGER NOT NULL,
    made         INTEGER NOT NULL,
    skipped      INTEGER NOT NULL,
    first        TEXT    NOT NULL  -- JSON
) STRICT;

CREATE INDEX replay_running ON replay (id) WHERE state = 'running';

-- The deliveries that replays made. of_number: the delivery of the same event that it runs again; NULL =
-- the event had not gone to that plugin.
CREATE TABLE replayed (
    event_seq       INTEGER NOT NULL,
    delivery_number INTEGER NOT NULL,
    replay          INTEGER NOT NULL,
    of_number       INTEGER,
    at              INTEGER NOT NULL,
    PRIMARY KEY (event_seq, delivery_number)
) STRICT, WITHOUT ROWID;
