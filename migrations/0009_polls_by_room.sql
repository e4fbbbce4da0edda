CREATE INDEX polls_by_room ON polls (room_id, position);
