-- Reads the head of an origin's answer for the relay: how its body ends, whether the connection may be used again, and the
-- head as nginx can read it. What may be understood in two ways is refused: behind a kept connection, another end of the
-- body would be another viewer's answer. Pure. Any phase; no dict.
local concat = table.concat
local find, gmatch, gsub, lower, match = string.find, string.gmatch, string.gsub, string.lower, string.match
local tonumber = tonumber

-- As many as a number of Lua holds exactly.
local LENGTH_DIGITS_MAX = 15

local M = {}

-- nginx takes a bare line feed for the end of a line, too.
local function lines_of(head)
  local lines = {}
  for line in gmatch(head, "(.-)\r?\n") do lines[#lines + 1] = line end
  lines[#lines] = nil
  return lines
end

local function without(lines, unwanted)
  local kept = {}
  for index = 1, #lines do
    local line = lines[index]
    if match(lower(line), "^([^:]*):") ~= unwanted then kept[#kept + 1] = line end
  end
  return kept
end

-- Nothing says how long it is. nginx gets it in chunks: then an end by reset or time is not taken for the end of the answer.
local function until_closed(lines)
  lines[1] = gsub(lines[1], "^HTTP/1%.0", "HTTP/1.1", 1)
  lines[#lines + 1] = "Transfer-Encoding: chunked"
  return { ends = "closed", head = concat(lines, "\r\n") .. "\r\n\r\n" }
end

-- Whether there are codings, whether chunked is one of them, and alone.
local function codings_of(lowered)
  local count, is_chunked = 0, false
  for value in gmatch(lowered, "\ntransfer%-encoding:([^\n]*)") do
    for coding in gmatch(value, "[^%s,]+") do
      count = count + 1
      is_chunked = is_chunked or coding == "chunked"
    end
  end
  return count > 0, is_chunked, is_chunked and count == 1
end

-- The length that is said once; and whether any is.
local function length_of(lowered)
  local _, stop = find(lowered, "\ncontent-length:", 1, true)
  if not stop then return nil, false end
  local digits = match(lowered, "^[ \t]*(%d+)[ \t]*\r?\n", stop + 1)
  if not digits or #digits > LENGTH_DIGITS_MAX or find(lowered, "\ncontent-length:", stop, true) then return nil, true end
  return tonumber(digits), true
end

-- RFC 9112 § 6.3: where chunked is not the last coding, the answer ends with the connection, and its length says nothing.
-- Chunks within another coding are nobody's here.
local function framed(head, lowered)
  local is_coded, is_chunked, is_chunked_alone = codings_of(lowered)
  if is_coded and not is_chunked then
    return until_closed(without(without(lines_of(head), "transfer-encoding"), "content-length"))
  end
  local length, has_length = length_of(lowered)
  if is_chunked then
    if has_length or not is_chunked_alone then return nil, "chunks, and something else" end
    return { ends = "chunks", head = head }
  end
  if length then return { ends = "length", length = length, head = head } end
  if has_length then return nil, "no length that can be read" end
  return until_closed(lines_of(head))
end

local function persists(version, lowered)
  if version ~= "1" then return false end
  local from = find(lowered, "\nconnection:", 1, true)
  return not (from and find(lowered, "\nconnection:[^\n]*close", from))
end

--- `head`: the lines with the empty one behind them; `method`: that of the request. Returns how the body `ends` (after its
-- `length`, in `chunks`, or when the connection is `closed`), whether the connection `persists` behind it, and the `head` to be
-- handed on; or nil and why not.
function M.read(head, method)
  local version, status = match(head, "^HTTP/1%.([01]) (%d%d%d)[ \r\n]")
  if not status then return nil, "no HTTP" end
  local lowered = lower(head)
  local answer, err
  if method == "HEAD" or status == "204" or status == "304" then
    answer = { ends = "length", length = 0, head = head }
  else
    answer, err = framed(head, lowered)
    if not answer then return nil, err end
  end
  answer.persists = answer.ends ~= "closed" and persists(version, lowered)
  return answer
end

--- Whether it comes before the answer itself (RFC 9110 § 15.2).
function M.is_interim(head) return find(head, "^HTTP/1%.[01] 1%d%d[ \r\n]") ~= nil end

return M
