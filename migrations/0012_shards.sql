-- One row a shard of the vote stream: how far SQL has come, and who may write it on.
CREATE TABLE shards (
    id INTEGER NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    checkpoint BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    owner VARCHAR(32) NOT NULL,
    lease_until BIGINT NOT NULL
);
