-- What tries at an effect have settled so far (JSON): whether an answer is still out, and which recipients of an
-- email have it or were refused.
ALTER TABLE effect ADD COLUMN progress TEXT;
