-- The pinned addresses of origins, by `host:port`: the agent resolves and checks them (whether an address may be dialled
-- depends on the port), Lua never resolves. Owns the dict `addresses`. Writing: init_by_lua and the control socket;
-- reading: access, on a miss.
local addresses = ngx.shared.addresses
local concat = table.concat
local find, gmatch, match = string.find, string.gmatch, string.match
local ipairs, pairs, type = ipairs, pairs, type

local PER_ORIGIN_MAX = 16

local M = {}

local function fault_of(origin, list)
  if type(origin) ~= "string" or not find(origin, ":%d+$") or #origin > 270 then return "an origin is host:port" end
  if type(list) ~= "table" or #list > PER_ORIGIN_MAX then return origin .. ": a list of at most " .. PER_ORIGIN_MAX .. " addresses" end
  for _, address in ipairs(list) do
    if type(address) ~= "string" or #address > 39 or not find(address, "^[%x:.]+$") then return origin .. ": not an address" end
  end
end

--- Merges `host:port` → list of addresses; an empty list: may not be dialled. nil and why, when it cannot.
function M.merge(map)
  if type(map) ~= "table" then return nil, "an object is wanted" end
  for origin, list in pairs(map) do
    local fault = fault_of(origin, list)
    if fault then return nil, fault end
  end
  for origin, list in pairs(map) do
    local ok, err = addresses:safe_set(origin, concat(list, " "))
    if not ok then return nil, origin .. ": " .. err end
  end
  return true
end

-- `<host:port> <address> …`, one line per change: the last one of an origin counts. A last line without its end was torn.
local function last_lines(text)
  local map = {}
  for line in gmatch(text, "([^\n]*)\n") do
    local origin, rest = match(line, "^(%S+)(.*)$")
    if origin then map[origin] = rest end
  end
  return map
end

--- What the agent has left on the disk; none is no fault. A line that says no address is left out, the others count.
function M.load(text)
  if not text then return end
  for origin, rest in pairs(last_lines(text)) do
    local list = {}
    for address in gmatch(rest, "%S+") do list[#list + 1] = address end
    local ok, err = M.merge { [origin] = list }
    if not ok then ngx.log(ngx.ERR, "state/addresses: ", err) end
  end
end

local function is_ipv6(text) return find(text, ":", 1, true) ~= nil end
local function bracketed(host) return is_ipv6(host) and "[" .. host .. "]" or host end

--- The addresses of an origin as nginx dials them; nil when the agent has named none.
function M.of_origin(host, port)
  local text = addresses:get(bracketed(host) .. ":" .. port)
  if not text or text == "" then return nil end
  local list = {}
  for address in gmatch(text, "%S+") do list[#list + 1] = bracketed(address) end
  return list
end

return M
