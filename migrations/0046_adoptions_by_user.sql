CREATE INDEX adoptions_by_user ON adoptions (user_id, room_id);
