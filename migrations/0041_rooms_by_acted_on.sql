CREATE INDEX rooms_by_acted_on ON rooms (acted_on_at);
