-- Who has one may make an account, once. Of the code only SHA-256 is kept.
CREATE TABLE invitations (
    code_hash BINARY(32) NOT NULL PRIMARY KEY,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    used_by BINARY(16)
);
