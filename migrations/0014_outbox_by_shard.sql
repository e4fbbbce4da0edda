CREATE INDEX outbox_by_shard ON outbox (shard, made_at);
