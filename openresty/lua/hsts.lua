-- The `hsts` part of a document: the header by which browsers come by HTTPS alone, as it is sent (RFC 6797). Its writer is
-- edge-templates/features/hsts; connection.lua sends it. Any phase; no dict.
local find = string.find
local type = type

local M = {}

--- What is wrong with it; nil when nothing is.
function M.fault(hsts)
  if type(hsts) ~= "string" or #hsts > 100 or not find(hsts, "^max%-age=%d+[; %a]*$") then return "hsts" end
end

--- It is ready as it is.
function M.prepare() end

return M
