-- Tokens of the admin API. A secret is in no row: only its SHA-256 is.
CREATE TABLE token (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    role       TEXT    NOT NULL, -- read, operate, deploy, admin
    plugins    TEXT    NOT NULL, -- JSON: patterns of plugins' names; none for all plugins
    created_at INTEGER NOT NULL, -- ms since the Unix epoch, as all times here
    created_by TEXT    NOT NULL,
    expires_at INTEGER,
    used_at    INTEGER,
    revoked_at INTEGER
) STRICT;

-- A name is free again when its token is revoked.
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;

-- What operators and the host decided. Each entry's hash is over the hash of the entry before and its own columns.
CREATE TABLE audit (
    number     INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL, -- token, file, config, command, host
    actor      TEXT    NOT NULL,
    address    TEXT,
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    before     TEXT,             -- JSON, as after
    after      TEXT,
    note       TEXT,
    result     TEXT    NOT NULL,
    hash       BLOB    NOT NULL
) STRICT;

-- The last entry about something.
CREATE INDEX audit_target ON audit (action, target, number);

-- The newest entry, so that a missing end is noticed.
CREATE TABLE audit_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    hash   BLOB    NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, zeroblob(32));

-- No statement of this program, and none typed by mistake, changes or removes an entry. (Who may write the file can
-- drop these triggers: the host then rejects the database.) INSERT OR REPLACE deletes without the trigger for it, so
-- that of insertions takes the next number only.
CREATE TRIGGER audit_insert BEFORE INSERT ON audit
WHEN NEW.number IS NOT (SELECT number + 1 FROM audit_head)
BEGIN SELECT RAISE(ABORT, 'an audit entry has the next number'); END;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_head_insert BEFORE INSERT ON audit_head
BEGIN SELECT RAISE(ABORT, 'the audit log has one head'); END;
CREATE TRIGGER audit_head_update BEFORE UPDATE ON audit_head
WHEN NEW.number IS NOT OLD.number + 1
    OR NOT EXISTS (SELECT 1 FROM audit WHERE number = NEW.number AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'the head of the audit log is its newest entry'); END;
CREATE TRIGGER audit_head_delete BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'the audit log has one head'); END;
