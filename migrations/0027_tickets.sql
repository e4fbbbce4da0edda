-- Voting tickets of a room, each good for one identity: its holder.
CREATE TABLE tickets (
    room_id BINARY(16) NOT NULL,
    code VARCHAR(10) NOT NULL,
    made_at BIGINT NOT NULL,
    holder_id BINARY(16),
    used_at BIGINT,
    PRIMARY KEY (room_id, code)
);
