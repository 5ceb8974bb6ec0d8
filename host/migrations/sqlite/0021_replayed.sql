-- The deliveries that a replay made.
CREATE INDEX replayed_by ON replayed (replay);
