-- Stored events whose search terms changed after they were stored: a failed attempt, a replay, a removal or an erased
-- value. The search index follows the new events by their numbers, and these by this table. Rows that it has passed
-- are removed, but never the newest one, so that no number is used twice.
CREATE TABLE event_change (
    number    INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
) STRICT;
