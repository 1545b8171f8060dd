-- What reports read: requests and bytes by minute, hour and day, and what was asked for most.
--
-- Each request counts in each dimension once for its distribution and once for its account (distribution_id = the nil
-- UUID), so that a question about a whole account reads one series and not thousands. All columns are sums, and so
-- several rows of one key are one (always `sum`), and what is missing can be put right by adding it; `visitors` is a set,
-- for which adding twice changes nothing. What follows from that: counted/reconcile.ts.
CREATE TABLE IF NOT EXISTS traffic_minute
(
    account_id UUID CODEC(ZSTD(1)),
    dimension Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9) CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value LowCardinality(String) CODEC(ZSTD(1)),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hits SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hit_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_in SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (account_id, dimension, distribution_id, time, value)
TTL time + INTERVAL 62 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
CREATE TABLE IF NOT EXISTS traffic_hour
(
    account_id UUID CODEC(ZSTD(1)),
    dimension Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9) CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value LowCardinality(String) CODEC(ZSTD(1)),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hits SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hit_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_in SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Of the dimension 'all' alone: visitors cannot be told from one day to the next, so those of several days add up.
    visitors AggregateFunction(uniqCombined64(13), UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (account_id, dimension, distribution_id, time, value)
TTL time + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
CREATE TABLE IF NOT EXISTS traffic_day
(
    account_id UUID CODEC(ZSTD(1)),
    dimension Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9) CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value LowCardinality(String) CODEC(ZSTD(1)),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hits SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hit_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_in SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    origin_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Of the dimension 'all' alone: visitors cannot be told from one day to the next, so those of several days add up.
    visitors AggregateFunction(uniqCombined64(13), UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (account_id, dimension, distribution_id, time, value)
TTL time + INTERVAL 5 YEAR
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
-- A time to first byte counts in a bucket, named by its middle: exact below 32 ms, then 16 buckets to each doubling, so
-- that no quantile is further off than 1/32.
CREATE MATERIALIZED VIEW IF NOT EXISTS traffic_minute_view TO traffic_minute AS
SELECT
    account_id, key.1 AS dimension, key.2 AS distribution_id, minute AS time, key.3 AS value,
    sum(weight) AS requests, sumIf(weight, is_hit) AS hits, sumIf(weight, is_error) AS errors,
    sum(out) AS bytes_out, sumIf(out, is_hit) AS hit_bytes, sum(into) AS bytes_in,
    sumIf(weight, is_origin) AS origin_requests, sum(fetched) AS origin_bytes
FROM
(
    SELECT
        account_id, distribution_id AS own, toUUID('00000000-0000-0000-0000-000000000000') AS whole, toDateTime(toStartOfMinute(time), 'UTC') AS minute, weight, client_hash,
        cache_status IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED') AS is_hit, status >= 500 AS is_error,
        origin_ms IS NOT NULL AS is_origin,
        access_log.bytes_out * weight AS out, access_log.bytes_in * weight AS into, access_log.origin_bytes * weight AS fetched,
        toString(edge_id) AS edge, toString(provider) AS carrier, toString(country) AS land, toString(status) AS code,
        toString(cache_status) AS cache, toString(protocol) AS version, toString(content_kind) AS kind,
        greatest(1, intDiv(roundToExp2(ttfb_ms), 16)) AS width,
        toString(intDiv(ttfb_ms, width) * width + intDiv(width, 2)) AS ttfb
    FROM access_log
)
ARRAY JOIN [
    ('all', whole, ''), ('all', own, ''),
    ('edge_id', whole, edge), ('provider', whole, carrier), ('country', whole, land), ('status', whole, code),
    ('cache_status', whole, cache), ('protocol', whole, version), ('content_kind', whole, kind), ('ttfb', whole, ttfb)
] AS key
GROUP BY account_id, dimension, distribution_id, time, value;
CREATE MATERIALIZED VIEW IF NOT EXISTS traffic_hour_view TO traffic_hour AS
SELECT
    account_id, key.1 AS dimension, key.2 AS distribution_id, hour AS time, key.3 AS value,
    sum(weight) AS requests, sumIf(weight, is_hit) AS hits, sumIf(weight, is_error) AS errors,
    sum(out) AS bytes_out, sumIf(out, is_hit) AS hit_bytes, sum(into) AS bytes_in,
    sumIf(weight, is_origin) AS origin_requests, sum(fetched) AS origin_bytes,
    uniqCombined64StateIf(13)(client_hash, dimension = 'all') AS visitors
FROM
(
    SELECT
        account_id, distribution_id AS own, toUUID('00000000-0000-0000-0000-000000000000') AS whole, toDateTime(toStartOfHour(time), 'UTC') AS hour, weight, client_hash,
        cache_status IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED') AS is_hit, status >= 500 AS is_error,
        origin_ms IS NOT NULL AS is_origin,
        access_log.bytes_out * weight AS out, access_log.bytes_in * weight AS into, access_log.origin_bytes * weight AS fetched,
        toString(edge_id) AS edge, toString(provider) AS carrier, toString(country) AS land, toString(status) AS code,
        toString(cache_status) AS cache, toString(protocol) AS version, toString(content_kind) AS kind,
        greatest(1, intDiv(roundToExp2(ttfb_ms), 16)) AS width,
        toString(intDiv(ttfb_ms, width) * width + intDiv(width, 2)) AS ttfb
    FROM access_log
)
ARRAY JOIN [
    ('all', whole, ''), ('all', own, ''),
    ('edge_id', whole, edge), ('provider', whole, carrier), ('country', whole, land), ('status', whole, code),
    ('cache_status', whole, cache), ('protocol', whole, version), ('content_kind', whole, kind), ('ttfb', whole, ttfb),
    ('edge_id', own, edge), ('provider', own, carrier), ('country', own, land), ('status', own, code),
    ('cache_status', own, cache), ('protocol', own, version), ('content_kind', own, kind), ('ttfb', own, ttfb)
] AS key
GROUP BY account_id, dimension, distribution_id, time, value;
-- From the hours, which are fewer than the lines.
CREATE MATERIALIZED VIEW IF NOT EXISTS traffic_day_view TO traffic_day AS
SELECT
    account_id, dimension, distribution_id, day AS time, value,
    sum(hour.requests) AS requests, sum(hour.hits) AS hits, sum(hour.errors) AS errors, sum(hour.bytes_out) AS bytes_out,
    sum(hour.hit_bytes) AS hit_bytes, sum(hour.bytes_in) AS bytes_in, sum(hour.origin_requests) AS origin_requests,
    sum(hour.origin_bytes) AS origin_bytes, uniqCombined64MergeState(13)(hour.visitors) AS visitors
FROM
(
    SELECT account_id, dimension, distribution_id, value, toDateTime(toStartOfDay(time), 'UTC') AS day, requests, hits,
        errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes, visitors
    FROM traffic_hour
) AS hour
GROUP BY account_id, dimension, distribution_id, time, value;

-- What was asked for most. For distributions each value is counted; so are the referrers and user agents of whole accounts
-- (distribution_id = the nil UUID).
CREATE TABLE IF NOT EXISTS top_day
(
    account_id UUID CODEC(ZSTD(1)),
    what Enum8('url' = 1, 'error' = 2, 'referrer' = 3, 'user_agent' = 4) CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    value String CODEC(ZSTD(1)),
    day Date CODEC(Delta, ZSTD(1)),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (account_id, what, distribution_id, value, day)
TTL day + INTERVAL 400 DAY
-- Single values are looked up in it: small granules, so that little is read for each.
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, index_granularity = 1024;
CREATE MATERIALIZED VIEW IF NOT EXISTS top_day_view TO top_day AS
SELECT
    account_id, key.1 AS what, key.2 AS distribution_id, key.3 AS value, day,
    sum(weight) AS requests, sum(out) AS bytes_out, max(at) AS last_seen
FROM
(
    SELECT
        account_id, distribution_id AS own, toUUID('00000000-0000-0000-0000-000000000000') AS whole, weight, status,
        toDate(time) AS day, toDateTime(time) AS at, access_log.bytes_out * weight AS out,
        concat(toString(host), path) AS url, referrer_host, toString(user_agent_family) AS user_agent
    FROM access_log
)
ARRAY JOIN arrayFilter(kept -> kept.3 != '' OR kept.1 = 'url', [
    ('url', own, url), ('error', own, if(status >= 400, concat(toString(status), ' ', url), '')),
    ('referrer', own, referrer_host), ('referrer', whole, referrer_host),
    ('user_agent', own, user_agent), ('user_agent', whole, user_agent)
]) AS key
GROUP BY account_id, what, distribution_id, value, day;
-- The URLs of a whole account are too many to add up while somebody waits: the heaviest of each day, each as
-- `<distribution> <value>`. A count is too high by at most the day's requests / 3000, and what has more is among them.
CREATE TABLE IF NOT EXISTS top_account_day
(
    account_id UUID CODEC(ZSTD(1)),
    what Enum8('url' = 1, 'error' = 2, 'referrer' = 3, 'user_agent' = 4) CODEC(ZSTD(1)),
    day Date CODEC(Delta, ZSTD(1)),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    top AggregateFunction(approx_top_sum(1000, 3000), String, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (account_id, what, day)
TTL day + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
CREATE MATERIALIZED VIEW IF NOT EXISTS top_account_day_view TO top_account_day AS
SELECT
    account_id, what, day, sum(counted) AS requests,
    approx_top_sumState(1000, 3000)(concat(toString(distribution_id), ' ', value), counted) AS top
FROM
(
    SELECT account_id, what, day, distribution_id, value, toUInt64(top_day.requests) AS counted
    FROM top_day
    -- What a correction takes away is a sum beyond this; the day is then made anew.
    WHERE what IN ('url', 'error') AND top_day.requests < 9223372036854775808
)
GROUP BY account_id, what, day;
-- Hours whose lines were sent again: an insert may have failed after it stored the lines and before it counted them.
CREATE TABLE IF NOT EXISTS doubtful_hour
(
    hour DateTime('UTC'),
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY hour
TTL hour + INTERVAL 100 DAY;
-- Hours and days whose lines and roll-ups were compared and found equal, and up to which moment of storing that was; `top`:
-- likewise what was asked for most on a day.
CREATE TABLE IF NOT EXISTS reconciled
(
    span Enum8('hour' = 1, 'day' = 2, 'top' = 3),
    time DateTime('UTC'),
    stored_until DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(stored_until)
ORDER BY (span, time)
TTL time + INTERVAL 100 DAY;
