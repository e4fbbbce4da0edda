-- Whether open pages were told.
ALTER TABLE rooms ADD COLUMN takedown_told SMALLINT NOT NULL DEFAULT 0;
