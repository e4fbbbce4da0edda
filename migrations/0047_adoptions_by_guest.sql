CREATE INDEX adoptions_by_guest ON adoptions (guest_id, room_id);
