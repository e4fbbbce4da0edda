-- How often the room's settings changed: what tells a later setting from an earlier one in the ballot box.
ALTER TABLE rooms ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
