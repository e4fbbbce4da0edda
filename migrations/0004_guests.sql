CREATE TABLE guests (
    id BINARY(16) NOT NULL PRIMARY KEY,
    display_name VARCHAR(60),
    ended_at BIGINT
);
