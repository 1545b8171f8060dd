-- What other providers say of the traffic that they carried, beside what our edges logged. Statements are safe to run twice.
-- A row per resource and five minutes, which a later answer replaces (the greater pull counts), and sums of them per hour and
-- day, which are made anew from the rows: a synchronisation that is repeated, or killed half-way, counts nothing twice.

CREATE TABLE IF NOT EXISTS provider_minute
(
    account_id UUID CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    provider LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    requests UInt64 CODEC(T64, ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    bytes_out UInt64 CODEC(T64, ZSTD(1)),
    hit_bytes UInt64 CODEC(T64, ZSTD(1)),
    origin_requests UInt64 CODEC(T64, ZSTD(1)),
    origin_bytes UInt64 CODEC(T64, ZSTD(1)),
    status_1xx UInt64 CODEC(T64, ZSTD(1)),
    status_2xx UInt64 CODEC(T64, ZSTD(1)),
    status_3xx UInt64 CODEC(T64, ZSTD(1)),
    status_4xx UInt64 CODEC(T64, ZSTD(1)),
    status_5xx UInt64 CODEC(T64, ZSTD(1)),
    pull UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(pull)
PARTITION BY toYYYYMM(time)
ORDER BY (account_id, distribution_id, time, provider, resource)
TTL time + INTERVAL 62 DAY;

CREATE TABLE IF NOT EXISTS provider_hour
(
    account_id UUID CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    provider LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    requests UInt64 CODEC(T64, ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    bytes_out UInt64 CODEC(T64, ZSTD(1)),
    hit_bytes UInt64 CODEC(T64, ZSTD(1)),
    origin_requests UInt64 CODEC(T64, ZSTD(1)),
    origin_bytes UInt64 CODEC(T64, ZSTD(1)),
    status_1xx UInt64 CODEC(T64, ZSTD(1)),
    status_2xx UInt64 CODEC(T64, ZSTD(1)),
    status_3xx UInt64 CODEC(T64, ZSTD(1)),
    status_4xx UInt64 CODEC(T64, ZSTD(1)),
    status_5xx UInt64 CODEC(T64, ZSTD(1)),
    pull UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(pull)
PARTITION BY toYYYYMM(time)
ORDER BY (account_id, distribution_id, time, provider, resource)
TTL time + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS provider_day
(
    account_id UUID CODEC(ZSTD(1)),
    distribution_id UUID CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    provider LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    requests UInt64 CODEC(T64, ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    bytes_out UInt64 CODEC(T64, ZSTD(1)),
    hit_bytes UInt64 CODEC(T64, ZSTD(1)),
    origin_requests UInt64 CODEC(T64, ZSTD(1)),
    origin_bytes UInt64 CODEC(T64, ZSTD(1)),
    status_1xx UInt64 CODEC(T64, ZSTD(1)),
    status_2xx UInt64 CODEC(T64, ZSTD(1)),
    status_3xx UInt64 CODEC(T64, ZSTD(1)),
    status_4xx UInt64 CODEC(T64, ZSTD(1)),
    status_5xx UInt64 CODEC(T64, ZSTD(1)),
    pull UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(pull)
PARTITION BY toYear(time)
ORDER BY (account_id, distribution_id, time, provider, resource)
TTL time + INTERVAL 5 YEAR;

-- The same with the columns of our own edges' traffic (0024). What a provider does not tell apart (countries, protocols, …)
-- has the value ''; of a status it tells the first digit alone, and only how many requests had it: bytes stand under ''.
CREATE VIEW IF NOT EXISTS provider_traffic_minute AS
SELECT
    account_id, CAST(key.1 AS Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9)) AS dimension,
    key.2 AS distribution_id, time, CAST(key.3 AS LowCardinality(String)) AS value, key.4 AS requests,
    if(key.5, hit, 0) AS hits, if(key.1 = 'status', if(key.3 = '5', failed, 0), failed) AS errors,
    if(key.5, out, 0) AS bytes_out, if(key.5, cached, 0) AS hit_bytes, toUInt64(0) AS bytes_in,
    if(key.5, fetches, 0) AS origin_requests, if(key.5, fetched, 0) AS origin_bytes
FROM
(
    SELECT account_id, toUUID('00000000-0000-0000-0000-000000000000') AS whole, distribution_id AS own, time,
        CAST(provider AS String) AS carrier, requests AS asked, hits AS hit, bytes_out AS out, hit_bytes AS cached,
        origin_requests AS fetches, origin_bytes AS fetched, status_1xx AS s1, status_2xx AS s2, status_3xx AS s3,
        status_4xx AS s4, status_5xx AS failed, toUInt64(asked - s1 - s2 - s3 - s4 - failed) AS untold
    FROM provider_minute FINAL
    WHERE requests + bytes_out + origin_requests + origin_bytes > 0
)
ARRAY JOIN [
    ('all', whole, '', asked, true), ('all', own, '', asked, true),
    ('edge_id', whole, toString(whole), asked, true), ('edge_id', own, toString(whole), asked, true),
    ('provider', whole, carrier, asked, true), ('provider', own, carrier, asked, true),
    ('country', whole, '', asked, true), ('country', own, '', asked, true),
    ('cache_status', whole, '', asked, true), ('cache_status', own, '', asked, true),
    ('protocol', whole, '', asked, true), ('protocol', own, '', asked, true),
    ('content_kind', whole, '', asked, true), ('content_kind', own, '', asked, true),
    ('status', whole, '', untold, true), ('status', own, '', untold, true),
    ('status', whole, '1', s1, false), ('status', own, '1', s1, false),
    ('status', whole, '2', s2, false), ('status', own, '2', s2, false),
    ('status', whole, '3', s3, false), ('status', own, '3', s3, false),
    ('status', whole, '4', s4, false), ('status', own, '4', s4, false),
    ('status', whole, '5', failed, false), ('status', own, '5', failed, false)
] AS key
WHERE key.5 OR key.4 > 0;
CREATE VIEW IF NOT EXISTS provider_traffic_hour AS
SELECT
    account_id, CAST(key.1 AS Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9)) AS dimension,
    key.2 AS distribution_id, time, CAST(key.3 AS LowCardinality(String)) AS value, key.4 AS requests,
    if(key.5, hit, 0) AS hits, if(key.1 = 'status', if(key.3 = '5', failed, 0), failed) AS errors,
    if(key.5, out, 0) AS bytes_out, if(key.5, cached, 0) AS hit_bytes, toUInt64(0) AS bytes_in,
    if(key.5, fetches, 0) AS origin_requests, if(key.5, fetched, 0) AS origin_bytes,
    arrayReduce('uniqCombined64State(13)', emptyArrayUInt64()) AS visitors
FROM
(
    SELECT account_id, toUUID('00000000-0000-0000-0000-000000000000') AS whole, distribution_id AS own, time,
        CAST(provider AS String) AS carrier, requests AS asked, hits AS hit, bytes_out AS out, hit_bytes AS cached,
        origin_requests AS fetches, origin_bytes AS fetched, status_1xx AS s1, status_2xx AS s2, status_3xx AS s3,
        status_4xx AS s4, status_5xx AS failed, toUInt64(asked - s1 - s2 - s3 - s4 - failed) AS untold
    FROM provider_hour FINAL
    WHERE requests + bytes_out + origin_requests + origin_bytes > 0
)
ARRAY JOIN [
    ('all', whole, '', asked, true), ('all', own, '', asked, true),
    ('edge_id', whole, toString(whole), asked, true), ('edge_id', own, toString(whole), asked, true),
    ('provider', whole, carrier, asked, true), ('provider', own, carrier, asked, true),
    ('country', whole, '', asked, true), ('country', own, '', asked, true),
    ('cache_status', whole, '', asked, true), ('cache_status', own, '', asked, true),
    ('protocol', whole, '', asked, true), ('protocol', own, '', asked, true),
    ('content_kind', whole, '', asked, true), ('content_kind', own, '', asked, true),
    ('status', whole, '', untold, true), ('status', own, '', untold, true),
    ('status', whole, '1', s1, false), ('status', own, '1', s1, false),
    ('status', whole, '2', s2, false), ('status', own, '2', s2, false),
    ('status', whole, '3', s3, false), ('status', own, '3', s3, false),
    ('status', whole, '4', s4, false), ('status', own, '4', s4, false),
    ('status', whole, '5', failed, false), ('status', own, '5', failed, false)
] AS key
WHERE key.5 OR key.4 > 0;
CREATE VIEW IF NOT EXISTS provider_traffic_day AS
SELECT
    account_id, CAST(key.1 AS Enum8('all' = 1, 'edge_id' = 2, 'provider' = 3, 'country' = 4, 'status' = 5, 'cache_status' = 6, 'protocol' = 7,
        'content_kind' = 8, 'ttfb' = 9)) AS dimension,
    key.2 AS distribution_id, time, CAST(key.3 AS LowCardinality(String)) AS value, key.4 AS requests,
    if(key.5, hit, 0) AS hits, if(key.1 = 'status', if(key.3 = '5', failed, 0), failed) AS errors,
    if(key.5, out, 0) AS bytes_out, if(key.5, cached, 0) AS hit_bytes, toUInt64(0) AS bytes_in,
    if(key.5, fetches, 0) AS origin_requests, if(key.5, fetched, 0) AS origin_bytes,
    arrayReduce('uniqCombined64State(13)', emptyArrayUInt64()) AS visitors
FROM
(
    SELECT account_id, toUUID('00000000-0000-0000-0000-000000000000') AS whole, distribution_id AS own, time,
        CAST(provider AS String) AS carrier, requests AS asked, hits AS hit, bytes_out AS out, hit_bytes AS cached,
        origin_requests AS fetches, origin_bytes AS fetched, status_1xx AS s1, status_2xx AS s2, status_3xx AS s3,
        status_4xx AS s4, status_5xx AS failed, toUInt64(asked - s1 - s2 - s3 - s4 - failed) AS untold
    FROM provider_day FINAL
    WHERE requests + bytes_out + origin_requests + origin_bytes > 0
)
ARRAY JOIN [
    ('all', whole, '', asked, true), ('all', own, '', asked, true),
    ('edge_id', whole, toString(whole), asked, true), ('edge_id', own, toString(whole), asked, true),
    ('provider', whole, carrier, asked, true), ('provider', own, carrier, asked, true),
    ('country', whole, '', asked, true), ('country', own, '', asked, true),
    ('cache_status', whole, '', asked, true), ('cache_status', own, '', asked, true),
    ('protocol', whole, '', asked, true), ('protocol', own, '', asked, true),
    ('content_kind', whole, '', asked, true), ('content_kind', own, '', asked, true),
    ('status', whole, '', untold, true), ('status', own, '', untold, true),
    ('status', whole, '1', s1, false), ('status', own, '1', s1, false),
    ('status', whole, '2', s2, false), ('status', own, '2', s2, false),
    ('status', whole, '3', s3, false), ('status', own, '3', s3, false),
    ('status', whole, '4', s4, false), ('status', own, '4', s4, false),
    ('status', whole, '5', failed, false), ('status', own, '5', failed, false)
] AS key
WHERE key.5 OR key.4 > 0;

-- All traffic, whoever carried it: what reports and bills read.
CREATE VIEW IF NOT EXISTS reported_traffic_minute AS
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes
FROM traffic_minute
UNION ALL
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes
FROM provider_traffic_minute;
CREATE VIEW IF NOT EXISTS reported_traffic_hour AS
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes, visitors
FROM traffic_hour
UNION ALL
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes, visitors
FROM provider_traffic_hour;
CREATE VIEW IF NOT EXISTS reported_traffic_day AS
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes, visitors
FROM traffic_day
UNION ALL
SELECT account_id, dimension, distribution_id, time, value,
    requests, hits, errors, bytes_out, hit_bytes, bytes_in, origin_requests, origin_bytes, visitors
FROM provider_traffic_day;
