-- A room that the operator took down is gone for everybody, and kept.
ALTER TABLE rooms ADD COLUMN taken_down_at BIGINT;
