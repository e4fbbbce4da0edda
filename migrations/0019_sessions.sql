-- An account signed in on a device. Of refresh tokens only hashes are kept: the one that is good, and the one before it.
CREATE TABLE sessions (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    device VARCHAR(60) NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    refresh_hash BINARY(32) NOT NULL,
    previous_hash BINARY(32),
    rotated_at BIGINT NOT NULL,
    ended_at BIGINT
);
