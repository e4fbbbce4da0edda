CREATE INDEX polls_by_deadline ON polls (closes_at);
