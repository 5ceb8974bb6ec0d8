-- From event from_seq on, the host's own time is that of the system clock plus offset_ms. Without a row it is the
-- same. Times that are waited for (due_at, and replayed.at, from which ages are measured) are the host's own;
-- all others are the system clock's, as people see them.
CREATE TABLE clock (
    from_seq  INTEGER PRIMARY KEY,
    offset_ms INTEGER NOT NULL
) STRICT;
