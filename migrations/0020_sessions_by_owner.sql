CREATE INDEX sessions_by_owner ON sessions (user_id);
