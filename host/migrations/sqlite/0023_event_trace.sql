-- The trace that an event belongs to: trace id, span id and flags of its receipt; null for an event without one.
ALTER TABLE event ADD COLUMN trace BLOB;
