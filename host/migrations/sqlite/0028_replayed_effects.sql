-- Replays of dead effects: how far one is within a delivery, and the last one that made an effect due again.
ALTER TABLE replay ADD COLUMN after_effect INTEGER NOT NULL DEFAULT 0;
ALTER TABLE effect ADD COLUMN replay INTEGER;
CREATE INDEX effect_replay ON effect (replay) WHERE replay IS NOT NULL;
