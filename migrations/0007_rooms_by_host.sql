CREATE INDEX rooms_by_host ON rooms (host_id, id);
