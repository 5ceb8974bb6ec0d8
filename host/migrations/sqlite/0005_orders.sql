-- How far the index of ids is, to the key: of those up to moving_seq the ones before (next_hash, next_seq) are in it.
ALTER TABLE key_progress ADD COLUMN next_seq INTEGER NOT NULL DEFAULT 0;

-- Open deliveries by their order. An index that each delivery came into and left at once cost more than all else
-- that is written of it: this one has only those that stay open while many others come in (`orders.rs`).
CREATE TABLE order_index (
    ordering  INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    PRIMARY KEY (ordering, event_seq, number)
) STRICT, WITHOUT ROWID;
INSERT INTO order_index SELECT ordering, event_seq, number FROM delivery
    WHERE due_at IS NOT NULL AND ordering IS NOT NULL ORDER BY ordering, event_seq, number;
DROP INDEX delivery_order;

-- Which open deliveries are in the index: those of events up to done_seq; and of events up to moving_seq the ones
-- before (next_ordering, next_seq, next_number).
CREATE TABLE order_progress (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    done_seq      INTEGER NOT NULL,
    moving_seq    INTEGER NOT NULL,
    next_ordering INTEGER NOT NULL,
    next_seq      INTEGER NOT NULL,
    next_number   INTEGER NOT NULL
) STRICT;
INSERT INTO order_progress SELECT 1, newest, newest, 0, 0, 0 FROM (SELECT ifnull(max(seq), 0) AS newest FROM event);
