-- A guest that signed in inside a room: what it chose in open polls counts as the account's, and it votes there no more.
CREATE TABLE adoptions (
    room_id BINARY(16) NOT NULL,
    guest_id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    adopted_at BIGINT NOT NULL,
    PRIMARY KEY (room_id, guest_id)
);
