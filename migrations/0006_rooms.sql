CREATE TABLE rooms (
    id BINARY(16) NOT NULL PRIMARY KEY,
    code VARCHAR(6) NOT NULL UNIQUE,
    host_id BINARY(16) NOT NULL,
    title VARCHAR(300) NOT NULL,
    results VARCHAR(16) NOT NULL,
    change_vote SMALLINT NOT NULL,
    voters VARCHAR(16) NOT NULL,
    current_poll BINARY(16),
    created_at BIGINT NOT NULL
);
