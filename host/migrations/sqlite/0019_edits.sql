-- Events that an operator made of another with an edited payload are in `cause` with the delivery number 0. The index
-- finds them from the other event; events that plugins emitted are not in it.
CREATE INDEX cause_edit ON cause (caused_by_event) WHERE caused_by_number = 0;
