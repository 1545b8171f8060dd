// What the cache does inside Redis, each step atomic there. A name has two keys: `entry`, a hash with the lease and one
// field per part, and `fence`, the writers that are between their change and its acknowledgement, each with its end.

export interface CacheScript {
  readonly lua: string;
}

const NOW = `
local clock = redis.call("TIME")
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)`;

/**
 * Finds a part, or hands out the lease without which nothing may be stored. KEYS: fence, entry. ARGV: tag, field, a
 * lease to take when there is none, how long it lasts.
 *
 * An entry is its tag, 13 digits of milliseconds at which it ends, and its text. Where Redis is full there is no lease:
 * the reader goes on as under a fence.
 */
export const findPart: CacheScript = {
  lua: `${NOW}
if redis.call("ZCOUNT", KEYS[1], now, "+inf") > 0 then return {"fenced"} end
local known = redis.call("HMGET", KEYS[2], "lease", ARGV[2])
local entry = known[2]
local tagged = #ARGV[1]
if entry and string.sub(entry, 1, tagged) == ARGV[1] then
  local ends = tonumber(string.sub(entry, tagged + 1, tagged + 13))
  if ends > now then return {"hit", ends - now, string.sub(entry, tagged + 14)} end
end
if known[1] then return {"miss", known[1]} end
local taken = redis.pcall("HSET", KEYS[2], "lease", ARGV[3])
if type(taken) == "table" then return {"fenced"} end
redis.call("PEXPIRE", KEYS[2], ARGV[4])
return {"miss", ARGV[3]}`,
};

/**
 * Stores a part that was loaded under a lease, unless a writer came since: raising a fence ends the lease, and under a
 * fence there is none. KEYS: entry. ARGV: lease, tag, field, how long it is good for, text, how many parts a name may
 * have. Answers 1 when it was stored.
 */
export const storePart: CacheScript = {
  lua: `${NOW}
if redis.call("HGET", KEYS[1], "lease") ~= ARGV[1] then return 0 end
if redis.call("HLEN", KEYS[1]) > tonumber(ARGV[6]) then
  redis.call("DEL", KEYS[1])
  local kept = redis.pcall("HSET", KEYS[1], "lease", ARGV[1])
  if type(kept) == "table" then return 0 end
end
local goodFor = tonumber(ARGV[4])
local stored = redis.pcall("HSET", KEYS[1], ARGV[3], ARGV[2] .. string.format("%013d", now + goodFor) .. ARGV[5])
redis.call("PEXPIRE", KEYS[1], math.max(goodFor, redis.call("PTTL", KEYS[1])))
if type(stored) == "table" then return 0 end
return 1`,
};

/**
 * Before a commit: forgets the names, and keeps readers from storing anything under them. KEYS: fence and entry of each
 * name in turn. ARGV: the writer's token, how long the fence stands without it, channel, message. Answers 0 when Redis is
 * too full for a fence.
 */
export const raiseFences: CacheScript = {
  lua: `${NOW}
for i = 1, #KEYS, 2 do
  redis.call("ZREMRANGEBYSCORE", KEYS[i], "-inf", now)
  redis.call("UNLINK", KEYS[i + 1])
  local raised = redis.pcall("ZADD", KEYS[i], now + tonumber(ARGV[2]), ARGV[1])
  if type(raised) == "table" then return 0 end
  redis.call("PEXPIRE", KEYS[i], ARGV[2])
end
redis.call("PUBLISH", ARGV[3], ARGV[4])
return 1`,
};

/** After the commit: takes one's own fence away, not those of others. Arguments as above, without the time. */
export const lowerFences: CacheScript = {
  lua: `
for i = 1, #KEYS, 2 do
  redis.call("ZREM", KEYS[i], ARGV[1])
  redis.call("UNLINK", KEYS[i + 1])
end
redis.call("PUBLISH", ARGV[2], ARGV[3])
return 1`,
};
