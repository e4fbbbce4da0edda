-- What happened to accounts and rooms that somebody may ask about later: no secrets, no addresses.
CREATE TABLE audit (
    id BINARY(16) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    event VARCHAR(32) NOT NULL,
    account_id BINARY(16),
    room_id BINARY(16),
    address_hash VARCHAR(16),
    device VARCHAR(60) NOT NULL,
    detail VARCHAR(200) NOT NULL
);
