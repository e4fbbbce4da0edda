CREATE INDEX guests_by_end ON guests (ended_at);
