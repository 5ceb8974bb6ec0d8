-- The version of the program that last opened the database: an older one names it when it refuses the tables.
CREATE TABLE program (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version TEXT NOT NULL
) STRICT;
