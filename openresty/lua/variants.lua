-- Bounds the variants of one URL. nginx keeps an answer with `Vary` once per value of the headers that it names (RFC 9111
-- § 4.1), and a viewer can make up values without end. Owns the dict `variants`, which may evict. Phase: header_filter of
-- the inner hop.
local dict = ngx.shared.variants
local md5_bin = ngx.md5_bin

local COUNTED_SECONDS = 3600
local MADE_MAX = 64

local M = {}

--- Whether one more variant of this key may be kept. Counts it.
function M.may_make(cache_key)
  local made = dict:incr(md5_bin(cache_key), 1, 0, COUNTED_SECONDS)
  return not made or made <= MADE_MAX
end

return M
