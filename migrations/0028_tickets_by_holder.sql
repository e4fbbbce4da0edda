CREATE INDEX tickets_by_holder ON tickets (holder_id, room_id);
