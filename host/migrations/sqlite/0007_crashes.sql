-- Attempts during which the host process died. Both indexes are empty unless it did.
CREATE INDEX attempt_crash ON attempt (event_seq, delivery_number) WHERE cause = 'crash';
CREATE INDEX effect_try_crash ON effect_try (event_seq, delivery_number, effect_number) WHERE outcome = 'crash';
