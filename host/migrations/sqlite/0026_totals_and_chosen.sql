-- The number of kept requests with an idempotency key and the bytes of their answers, so that no request adds them up.
CREATE TABLE keyed_total (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    requests     INTEGER NOT NULL,
    answer_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO keyed_total SELECT 1, count(*), ifnull(sum(answer_bytes), 0) FROM keyed_request;
CREATE TRIGGER keyed_total_insert AFTER INSERT ON keyed_request
BEGIN UPDATE keyed_total SET requests = requests + 1, answer_bytes = answer_bytes + ifnull(NEW.answer_bytes, 0); END;
CREATE TRIGGER keyed_total_update AFTER UPDATE OF answer_bytes ON keyed_request
BEGIN UPDATE keyed_total SET answer_bytes = answer_bytes + ifnull(NEW.answer_bytes, 0) - ifnull(OLD.answer_bytes, 0); END;
CREATE TRIGGER keyed_total_delete AFTER DELETE ON keyed_request
BEGIN UPDATE keyed_total SET requests = requests - 1, answer_bytes = answer_bytes - ifnull(OLD.answer_bytes, 0); END;
-- The deliveries on revisions that replays chose, of which a start reads the open ones.
CREATE INDEX replayed_chosen ON replayed (event_seq, delivery_number) WHERE revision IS NOT NULL;
