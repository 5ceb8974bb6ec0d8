-- The files of revisions, each digest once.
CREATE TABLE revision_file (
    id         INTEGER PRIMARY KEY,
    digest     BLOB    NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    facts      TEXT    -- JSON: handlers, imports, origins, tools; NULL until all parts are there
) STRICT;

CREATE TABLE revision_part (
    file_id INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    bytes   BLOB    NOT NULL,
    PRIMARY KEY (file_id, number)
) STRICT;

-- The instructions that named a revision of a plugin.
CREATE TABLE plugin_revision (
    plugin        TEXT    NOT NULL,
    number        INTEGER NOT NULL,
    digest        BLOB    NOT NULL,
    origin        TEXT    NOT NULL, -- file, push, rollback
    instructed_by TEXT    NOT NULL,
    instructed_at INTEGER NOT NULL,
    note          TEXT,
    refusal       TEXT,    -- the reason why the host refused it
    decision      TEXT,    -- JSON: approved or rejected, by whom, when, why
    in_force_at   INTEGER, -- NULL if it never was
    PRIMARY KEY (plugin, number)
) STRICT, WITHOUT ROWID;

-- The revision of each plugin that is in force, and the one that waits.
CREATE TABLE plugin_choice (
    plugin   TEXT PRIMARY KEY,
    choice   TEXT NOT NULL, -- JSON
    in_force BLOB,          -- digests, also in the JSON
    waiting  BLOB
) STRICT, WITHOUT ROWID;
