-- Confirmations that providers asked for, such as those of subscriptions to a topic. An operator decides about each.
CREATE TABLE confirmation (
    id           INTEGER PRIMARY KEY,
    source       TEXT    NOT NULL,
    topic        TEXT    NOT NULL, -- what is confirmed
    url          TEXT    NOT NULL, -- what the host opens when an operator approves: it has the provider's token in it
    sent_at      INTEGER NOT NULL, -- ms since the Unix epoch by the provider's clock
    received_at  INTEGER NOT NULL, -- ms by the host's own clock, as all times below
    state        TEXT    NOT NULL, -- waiting, confirmed, rejected or expired
    opened_at    INTEGER,          -- the last time when the host opened the URL
    failure      TEXT,             -- why that did not confirm it
    subscription TEXT,             -- what the provider named when it was confirmed
    decided_at   INTEGER,          -- when it left the state waiting
    decided_by   TEXT
) STRICT;
CREATE UNIQUE INDEX confirmation_waiting ON confirmation (source, topic) WHERE state = 'waiting';
