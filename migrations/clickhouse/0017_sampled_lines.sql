-- How many requests a line stands for: more than one where a group of edges logs a sample.
ALTER TABLE access_log ADD COLUMN IF NOT EXISTS weight UInt16 DEFAULT 1 CODEC(ZSTD(1));
