-- Every join code ever issued: none is issued twice, so a printed one never opens another room.
CREATE TABLE codes (
    code VARCHAR(6) NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL
);
