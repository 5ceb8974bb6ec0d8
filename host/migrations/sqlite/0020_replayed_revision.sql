-- The revision that a replay's delivery runs on: the digest of its file; null for the revision in force.
ALTER TABLE replayed ADD COLUMN revision BLOB;
