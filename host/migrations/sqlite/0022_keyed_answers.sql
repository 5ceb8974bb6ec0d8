-- The sizes of kept answers, so that all of them together have a limit.
ALTER TABLE keyed_request ADD COLUMN answer_bytes INTEGER; -- NULL while no answer is kept
UPDATE keyed_request SET answer_bytes = length(CAST(body AS BLOB)) WHERE body IS NOT NULL;
CREATE INDEX keyed_request_answers ON keyed_request (entry DESC, answer_bytes) WHERE answer_bytes IS NOT NULL;
