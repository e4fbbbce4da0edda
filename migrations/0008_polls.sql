CREATE TABLE polls (
    id BINARY(16) NOT NULL PRIMARY KEY,
    room_id BINARY(16) NOT NULL,
    position INTEGER NOT NULL,
    question VARCHAR(300) NOT NULL,
    kind VARCHAR(100) NOT NULL,
    options TEXT NOT NULL,
    state VARCHAR(8) NOT NULL,
    round BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    revealed SMALLINT,
    opened_at BIGINT,
    closes_at BIGINT,
    closed_at BIGINT
);
