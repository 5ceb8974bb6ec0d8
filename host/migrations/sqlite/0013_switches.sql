-- From this version on, the due_at of an open delivery has a third part: 4 = its plugin was switched off for its
-- event's type when the delivery was made.

-- Operators' latest instruction for each pattern of event types. An instruction removes those that it covers, so of
-- the rows that match a type, the narrowest is the latest.
CREATE TABLE plugin_switch (
    plugin     TEXT    NOT NULL,
    types      TEXT    NOT NULL, -- a type, `appointment.*`, or `*`
    is_on      INTEGER NOT NULL,
    number     INTEGER NOT NULL, -- one more than that of the instruction before
    changed_at INTEGER NOT NULL, -- ms since the Unix epoch
    changed_by TEXT    NOT NULL,
    note       TEXT,
    PRIMARY KEY (plugin, types)
) STRICT, WITHOUT ROWID;

-- What becomes of the deliveries that a switch held, by the number of the instruction that turned it on.
CREATE TABLE held_release (
    number       INTEGER PRIMARY KEY,
    plugin       TEXT    NOT NULL,
    types        TEXT    NOT NULL,
    action       TEXT    NOT NULL CHECK (action IN ('run', 'discard')),
    state        TEXT    NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    begun_at     INTEGER NOT NULL,
    found        INTEGER NOT NULL,
    released     INTEGER NOT NULL,
    after_seq    INTEGER NOT NULL,
    after_number INTEGER NOT NULL
) STRICT;
CREATE INDEX held_release_running ON held_release (number) WHERE state = 'running';
