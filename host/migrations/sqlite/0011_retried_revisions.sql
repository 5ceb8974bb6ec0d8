-- The revision of each plugin for which the waiting deliveries that failed on other revisions were made due.
CREATE TABLE retried_revision (
    plugin   TEXT PRIMARY KEY,
    revision BLOB NOT NULL
) STRICT, WITHOUT ROWID;
