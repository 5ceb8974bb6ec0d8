-- The state of each alert: what is firing, what was told, and the notification under way.
CREATE TABLE alert (
    name     TEXT    PRIMARY KEY,
    state    TEXT    NOT NULL, -- JSON
    saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
