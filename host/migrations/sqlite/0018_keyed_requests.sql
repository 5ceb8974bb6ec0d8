-- Requests of the admin API that had an idempotency key and made a decision.
CREATE TABLE keyed_request (
    entry  INTEGER PRIMARY KEY, -- the last entry of the audit log about the decision
    token  INTEGER NOT NULL,
    key    TEXT    NOT NULL,
    digest BLOB    NOT NULL,    -- SHA-256 of what the request asks for
    at     INTEGER NOT NULL,    -- ms since the Unix epoch, by the host's clock
    status INTEGER,             -- of the answer; NULL while none is kept
    etag   TEXT,
    body   TEXT,
    UNIQUE (token, key)
) STRICT;
CREATE INDEX keyed_request_age ON keyed_request (at, entry);
