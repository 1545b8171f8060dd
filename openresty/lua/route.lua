-- From a request's host to the distribution that serves it. Phase: access. Reads the dict `hosts` through `documents`.
local documents = require "documents"

local find, gsub, lower, sub = string.find, string.gsub, string.lower, string.sub

local M = {}

--- The id of a distribution: by the exact name, else by the wildcard that stands for its first label.
function M.id_of(host)
  local id = documents.id_of_host(host)
  if id then return id end
  local dot = find(host, ".", 1, true)
  if not dot then return nil end
  return documents.id_of_host("*" .. sub(host, dot))
end

--- Whether the Host header names what nginx took as the host. They differ in an absolute-form request that was made to
-- be read in two ways. HTTP/3 has no Host header.
function M.is_same_host(named, host)
  if named == nil or named == host then return true end
  local name = gsub(gsub(lower(named), ":%d*$", ""), "%.$", "")
  return name == host
end

return M
