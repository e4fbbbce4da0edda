-- One row a voter and round. A withdrawn ballot keeps its row with no choice, so that a late repeat of
-- an older ballot cannot count. No other unique key: an upsert could strike another voter's row.
CREATE TABLE ballots (
    poll_id BINARY(16) NOT NULL,
    round BIGINT NOT NULL,
    voter_id BINARY(16) NOT NULL,
    ballot_id BINARY(16) NOT NULL,
    choice VARCHAR(1000),
    cast_at BIGINT NOT NULL,
    PRIMARY KEY (poll_id, round, voter_id)
);
