-- What an event's request said about it beside its body, as JSON: the content type of what is no JSON, and the attributes of
-- a CloudEvent. Null for an event with neither.
ALTER TABLE event ADD COLUMN metadata TEXT;
