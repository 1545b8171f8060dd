-- Reads Cache-Control (RFC 9111 § 5.2) and CDN-Cache-Control (RFC 9213, a dictionary of RFC 8941) into directives:
-- name → true, or the argument. Any phase; no dict.
local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub
local next, tonumber, type = next, tonumber, type
local min = math.min
local re_match = ngx.re.match

-- RFC 9111 § 1.2.2: more than this is taken as this.
local SECONDS_MAX = 2147483648
-- A bare item that is no integer: decimal, string, token, boolean, bytes.
local OTHER_ITEM = [[^(?:-?\d+\.\d+|"(?:[^"\\]|\\["\\])*"|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*|\?[01]|:[A-Za-z0-9+/=]*:)]]

local M = {}

--- A count of seconds as HTTP writes it; nil for anything else.
function M.seconds(text)
  if type(text) ~= "string" or not find(text, "^%d+$") then return nil end
  return min(tonumber(text), SECONDS_MAX)
end

-- `from` is behind the equals sign. Returns the argument and where to go on.
local function argument_at(text, from)
  if sub(text, from, from) ~= '"' then
    local raw, stop = match(text, "^([^,]*)()", from)
    return gsub(raw, "%s+$", ""), stop
  end
  local quote = find(text, '"', from + 1, true)
  if not quote then return sub(text, from + 1), #text + 1 end
  return sub(text, from + 1, quote - 1), quote + 1
end

--- Directives of a Cache-Control field. Of two equal ones the first counts. `false`: a directive with rubbish behind it.
function M.parse(text)
  local directives, at = {}, 1
  while at <= #text do
    local name, stop = match(text, "^[%s,]*([^%s,=;\"]+)()", at)
    if not name then
      at = (find(text, ",", at, true) or #text) + 1
    else
      name = lower(name)
      local value = true
      if sub(text, stop, stop) == "=" then
        value, at = argument_at(text, stop + 1)
      else
        local rest, after = match(text, "^([^,]*)()", stop)
        if find(rest, "%S") then value = false end
        at = after + 1
      end
      if directives[name] == nil then directives[name] = value end
    end
  end
  return directives
end

local function item_at(text, from)
  local integer, stop = match(text, "^(%-?%d+)()", from)
  if integer and sub(text, stop, stop) ~= "." then return tonumber(integer), stop end
  local other = re_match(sub(text, from), OTHER_ITEM, "jo")
  if not other then return nil end
  return other[0], from + #other[0]
end

local function skip_parameters(text, at)
  while true do
    local stop = match(text, "^; *[%l%*][%l%d_%-%.%*]*()", at)
    if not stop then return at end
    at = match(text, "^=[^,;]*()", stop) or stop
  end
end

-- One member of a dictionary. nil when it is malformed.
local function member_at(text, at)
  local name, stop = match(text, "^([%l%*][%l%d_%-%.%*]*)()", at)
  if not name then return nil end
  local value = true
  if sub(text, stop, stop) == "=" then
    value, stop = item_at(text, stop + 1)
    if value == nil then return nil end
  end
  return name, value, skip_parameters(text, stop)
end

--- Directives of a CDN-Cache-Control field; nil when it is malformed or empty: then it must be ignored.
function M.parse_targeted(text)
  local directives, at = {}, match(text, "^ *()")
  while at <= #text do
    local name, value, stop = member_at(text, at)
    if not name then return nil end
    directives[name] = value
    at = match(text, "^[ \t]*()", stop)
    if at > #text then return directives end
    if sub(text, at, at) ~= "," then return nil end
    at = match(text, "^[ \t]*()", at + 1)
    if at > #text then return nil end
  end
  return next(directives) and directives or nil
end

return M
