-- Ids that are taken, in order of acceptance: appended at the end and pruned from the front. Until now each
-- event has its key.
DROP TABLE idempotency_key;
CREATE TABLE idempotency_key (
    event_seq   INTEGER PRIMARY KEY,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
INSERT INTO idempotency_key SELECT seq, source, id, digest, received_at FROM event ORDER BY seq;

-- Where a key may be; idempotency_key says whether it is there. hash: 6 bytes of the SHA-256 of its id and 2 of
-- that of its source. part: event_seq >> 23, so that new keys do not get thinner among ever more old ones,
-- and old ones go together.
CREATE TABLE key_index (
    part      INTEGER NOT NULL,
    hash      INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    PRIMARY KEY (part, hash, event_seq)
) STRICT, WITHOUT ROWID;

-- Which keys are in the index: those up to done_seq; and of those up to moving_seq the ones below next_hash.
CREATE TABLE key_progress (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    done_seq   INTEGER NOT NULL,
    moving_seq INTEGER NOT NULL,
    next_hash  INTEGER NOT NULL
) STRICT;
INSERT INTO key_progress (id, done_seq, moving_seq, next_hash) VALUES (1, 0, 0, 0);
