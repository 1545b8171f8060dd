-- Access-log lines anew: smaller, with all that reports ask for, and one partition per day, so that what a retry and a
-- comparison look for lies in few parts. Rows of the old table are copied. While that goes on there is no access_log:
-- edges keep their lines and send them again.
-- if: SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'access_log' AND name = 'user_agent'
RENAME TABLE access_log TO access_log_0001;
CREATE TABLE IF NOT EXISTS access_log_next
(
    -- When it happened: the edge's time, or the time of arrival where that lies ahead of it or beyond what is kept.
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    edge_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- ClickHouse's own clock: tells rows that may still be on their way into the roll-ups from those that must be there.
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    edge_id UUID CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    -- Where the line came from, so that a batch sent again can be told apart, line by line: the first 8 bytes of the
    -- batch's SHA-256, which an edge never has twice, and the number of the line.
    batch_id UInt64 CODEC(ZSTD(1)),
    batch_line UInt32 CODEC(T64, ZSTD(1)),
    -- Random: no codec makes these two smaller.
    request_id UUID CODEC(NONE),
    client_hash UInt64 CODEC(ZSTD(1)),
    account_id UUID CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    host LowCardinality(String) CODEC(ZSTD(1)),
    method LowCardinality(String) CODEC(ZSTD(1)),
    path String CODEC(ZSTD(1)),
    query String CODEC(ZSTD(1)),
    status UInt16 CODEC(ZSTD(1)),
    cache_status LowCardinality(String) CODEC(ZSTD(1)),
    bytes_out UInt64 CODEC(ZSTD(1)),
    bytes_in UInt64 CODEC(T64, ZSTD(1)),
    origin_bytes UInt64 CODEC(ZSTD(1)),
    duration_ms UInt32 CODEC(T64, ZSTD(1)),
    origin_ms Nullable(UInt32) CODEC(ZSTD(1)),
    ttfb_ms UInt32 CODEC(ZSTD(1)),
    protocol LowCardinality(String) CODEC(ZSTD(1)),
    tls LowCardinality(String) CODEC(ZSTD(1)),
    country LowCardinality(String) CODEC(ZSTD(1)),
    asn UInt32 CODEC(ZSTD(1)),
    referrer_host String CODEC(ZSTD(1)),
    user_agent_family LowCardinality(String) CODEC(ZSTD(1)),
    content_kind LowCardinality(String) CODEC(ZSTD(1)),
    -- How many requests a line stands for: more than one where a group of edges logs a sample.
    weight UInt16 DEFAULT 1 CODEC(ZSTD(1)),
    INDEX by_time time TYPE minmax GRANULARITY 1,
    -- For a batch whose earlier sending may lie anywhere in time.
    INDEX by_batch batch_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (account_id, distribution_id, time)
TTL toDateTime(time) + INTERVAL 90 DAY
-- A batch sent again within the last 10,000 inserts is known by its token. The TTL drops whole parts, which costs nothing.
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
-- if: SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'access_log_0001'
TRUNCATE TABLE access_log_next;
-- if: SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'access_log_0001'
INSERT INTO access_log_next (time, edge_time, received_at, edge_id, provider, batch_id, batch_line, request_id, client_hash,
    account_id, distribution_id, host, method, path, status, cache_status, bytes_out, bytes_in, duration_ms, origin_ms, ttfb_ms,
    protocol, tls, referrer_host, user_agent_family, content_kind, weight)
SELECT time, edge_time, received_at, edge_id, 'gotipath',
    reinterpretAsUInt64(reverse(unhex(substring(batch_id, 1, 16)))), batch_line,
    toUUIDOrZero(replaceRegexpOne(request_id, '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '\\1-\\2-\\3-\\4-\\5')),
    reinterpretAsUInt64(reverse(unhex(substring(client_hash, 1, 16)))),
    account_id, distribution_id, host, method, path, status, cache_status, bytes_out, bytes_in, duration_ms, origin_ms,
    ifNull(origin_ms, 0), protocol, tls, referrer_host, 'other', 'other', weight
FROM access_log_0001
-- No more days than one insert may write to.
WHERE time > now() - INTERVAL 90 DAY;
-- if: SELECT count() = 0 FROM system.tables WHERE database = currentDatabase() AND name = 'access_log'
RENAME TABLE access_log_next TO access_log;
DROP TABLE IF EXISTS access_log_next;
DROP TABLE IF EXISTS access_log_0001;
