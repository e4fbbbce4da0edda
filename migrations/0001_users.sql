CREATE TABLE users (
    id BINARY(16) NOT NULL PRIMARY KEY,
    username VARCHAR(32) NOT NULL UNIQUE,
    display_name VARCHAR(60),
    password_hash VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL
);
