-- From this version on, due_at of an open delivery that cannot be leased is minus the sum of what it waits for:
-- 1 = another open delivery of its ordering key, 2 = it is not known yet whether its plugin handles the event.

-- What is known of plugins' revisions, by the SHA-256 of their files.
CREATE TABLE revision (
    digest      BLOB    PRIMARY KEY,
    handlers    TEXT    NOT NULL, -- JSON
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
