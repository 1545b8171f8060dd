-- What became of a request in this cache, in the words of RFC 9211. Phase: header_filter of whoever reads the cache; no
-- dict.
local M = {}

local function with_ttl(text, left)
  if not left then return text end
  return text .. "; ttl=" .. left
end

-- An answer of the origin, which the inner hop lets be kept or not.
local function stored_too(text, var, left)
  local told = var.upstream_http_x_accel_expires
  if not told or told == "0" then return text end
  return with_ttl(text .. "; stored", left)
end

-- A stale answer, served while another one is fetched, or because none was to be had.
local function stale(name, var, left)
  if var.upstream_status then return with_ttl(name .. "; fwd=stale", left) .. "; detail=origin-failed" end
  return with_ttl(name .. "; hit", left) .. "; detail=stale-while-revalidate"
end

--- `status`: nginx's word for it. `left`: for how long the answer stays fresh, in seconds; nil when nobody knows.
function M.of(name, var, status, left)
  if status == "HIT" then
    -- It came here by the request of somebody else, for which this one has waited.
    if (var.edge_rounds or "") ~= "" then return with_ttl(name .. "; fwd=miss; collapsed", left) end
    return with_ttl(name .. "; hit", left)
  end
  if status == "MISS" then return stored_too(name .. "; fwd=miss", var, left) end
  if status == "STALE" or status == "UPDATING" then return stale(name, var, left) end
  if status == "REVALIDATED" then return with_ttl(name .. "; fwd=stale; fwd-status=304", left) end
  if status == "BYPASS" then return name .. "; fwd=bypass" end
  return stored_too(name .. "; fwd=stale", var, left)
end

return M
