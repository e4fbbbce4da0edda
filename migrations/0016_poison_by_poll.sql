CREATE INDEX poison_by_poll ON poison (poll_id);
