-- What SQL has decided and the ballot box may not know yet. One row a room or poll: only its newest state matters.
CREATE TABLE outbox (
    subject BINARY(16) NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL,
    kind VARCHAR(8) NOT NULL,
    room_id BINARY(16) NOT NULL,
    revision BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);
