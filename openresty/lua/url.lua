-- The one canonical spelling of a request's target, for the cache key, the rules and the origin alike. Phase: access; no
-- dict. RFC 3986 § 6.2.2: escapes of unreserved characters are undone, the others are in upper case.
local byte, char, find, format, gsub, sub, upper = string.byte, string.char, string.find, string.format, string.gsub,
  string.sub, string.upper
local tonumber = tonumber
local re_find = ngx.re.find

-- A path of plain characters without a dot segment, and whatever query.
local CANONICAL = [[^(?:/(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9\-._~!$&'()*+,;=:@]*)+(?:\?[\x21-\x7e]*)?$]]
local DOT_SEGMENT = [[/\.{1,2}(?:/|$)]]

local M = {}

local function is_forbidden(code)
  -- / \ and NUL in disguise are read differently by different servers.
  return code == 0x2f or code == 0x5c or code == 0
end

local function canonical_escape(hex)
  local code = tonumber(hex, 16)
  if is_forbidden(code) then return nil end
  local plain = char(code)
  if find(plain, "[%w%-._~]") then return plain end
  return "%" .. upper(hex)
end

local function escape_raw(raw) return format("%%%02X", byte(raw)) end

local function canonical_path(path)
  if find(path, "\\", 1, true) or find(gsub(path, "%%%x%x", ""), "%", 1, true) then return nil end
  local allowed = true
  local spelt = gsub(path, "%%(%x%x)", function(hex)
    local text = canonical_escape(hex)
    if not text then allowed = false end
    return text
  end)
  if not allowed or re_find(spelt, DOT_SEGMENT, "jo") then return nil end
  return (gsub(spelt, "[^%w%-._~!$&'()*+,;=:@/%%]", escape_raw))
end

--- The canonical target and its path. nil when no reading of the target is the only one.
function M.canonical(target)
  local question = find(target, "?", 1, true)
  if re_find(target, CANONICAL, "jo") then
    return target, question and sub(target, 1, question - 1) or target
  end
  if byte(target) ~= 0x2f then return nil end
  local path = canonical_path(question and sub(target, 1, question - 1) or target)
  if not path then return nil end
  local query = question and gsub(sub(target, question), "[^\33-\126]", escape_raw) or ""
  return path .. query, path
end

return M
