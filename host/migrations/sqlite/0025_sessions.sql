-- Log-ins to the pages. A secret is in no row: only its SHA-256 is.
CREATE TABLE session (
    id         INTEGER PRIMARY KEY,
    token      INTEGER NOT NULL, -- the token that logged in: the session ends with it
    hash       BLOB    NOT NULL UNIQUE,
    previous   BLOB,             -- the hash before the last rotation, until the browser has used the new secret
    rotated_at INTEGER NOT NULL, -- ms since the Unix epoch, as all times here
    form_key   BLOB    NOT NULL, -- what the tokens of its forms are made of
    address    TEXT,
    agent      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
