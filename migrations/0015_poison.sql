-- Entries of the vote stream that SQL will never take, as they came, by shard, epoch and number.
CREATE TABLE poison (
    shard INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    n BIGINT NOT NULL,
    poll_id BINARY(16) NOT NULL,
    round BIGINT NOT NULL,
    entry TEXT NOT NULL,
    error VARCHAR(500) NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (shard, epoch, n)
);
