-- When an operator took a room down or put it back, until servers have noticed.
ALTER TABLE rooms ADD COLUMN acted_on_at BIGINT;
