-- The received event that an emitted one comes from in the end.
ALTER TABLE cause ADD COLUMN root INTEGER NOT NULL DEFAULT 0;
UPDATE cause SET root = (
    WITH RECURSIVE up(seq) AS (
        SELECT cause.caused_by_event
        UNION ALL SELECT c.caused_by_event FROM up CROSS JOIN cause c ON c.event_seq = up.seq)
    SELECT min(seq) FROM up);

-- Events that handlers asked to emit, of each received event that led to some.
CREATE TABLE fanout (
    root    INTEGER PRIMARY KEY,
    emitted INTEGER NOT NULL
) STRICT;
INSERT INTO fanout SELECT root, count(*) FROM cause GROUP BY root;

-- Bytes of an effect, as its plugin's share of what waits.
ALTER TABLE effect ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE effect SET size = octet_length(request) WHERE due_at IS NOT NULL OR state = 'dead';

-- Bytes of a plugin's store: of each entry its value, its key, its bucket's name, and 64.
ALTER TABLE store ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE store SET bytes = (
    SELECT ifnull(sum(octet_length(bucket) + octet_length(key) + octet_length(value) + 64), 0)
    FROM entry WHERE entry.plugin = store.plugin);
