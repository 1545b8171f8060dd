-- Access-log lines as the edges sent them, one row each.
CREATE TABLE IF NOT EXISTS access_log
(
    -- When it happened: the edge's time, or the time of arrival where that lies ahead of it or beyond what is kept.
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    edge_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    edge_id UUID CODEC(ZSTD(1)),
    -- Where the line came from, so that a batch sent again can be told apart, line by line.
    batch_id FixedString(64) CODEC(ZSTD(1)),
    batch_line UInt32 CODEC(Delta, ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    account_id UUID CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    host LowCardinality(String),
    method LowCardinality(String),
    path String CODEC(ZSTD(3)),
    status UInt16 CODEC(ZSTD(1)),
    cache_status LowCardinality(String),
    bytes_out UInt64 CODEC(ZSTD(1)),
    bytes_in UInt64 CODEC(ZSTD(1)),
    duration_ms UInt32 CODEC(ZSTD(1)),
    origin_ms Nullable(UInt32) CODEC(ZSTD(1)),
    protocol LowCardinality(String),
    tls LowCardinality(String),
    referrer_host String CODEC(ZSTD(1)),
    user_agent String CODEC(ZSTD(3)),
    -- Tells visitors of one day apart; the address itself is never stored.
    client_hash FixedString(32) CODEC(ZSTD(1)),
    -- For the search of a batch that may be here already: the order key does not help it.
    INDEX by_time time TYPE minmax GRANULARITY 1,
    INDEX by_batch batch_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (account_id, distribution_id, time)
TTL toDateTime(time) + INTERVAL 90 DAY
-- A batch sent again within the last 10,000 inserts is known by its token. The TTL drops whole parts, which costs nothing.
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
