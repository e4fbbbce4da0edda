-- That open pages were told of a takedown is `acted_on_at` now.
ALTER TABLE rooms DROP COLUMN takedown_told;
