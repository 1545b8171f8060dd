-- Hands the body of an origin's answer on as it comes, piece by piece, to one who reads as fast as it pleases: never more than a
-- piece is held. Phase: content of the relay's server; no dict.
local find, format, match, sub = string.find, string.format, string.match, string.sub
local min, tonumber = math.min, tonumber

local PIECE_BYTES_MAX = 64 * 1024
-- Of the line before a chunk, and of all trailers.
local LINE_BYTES_MAX, TRAILER_BYTES_MAX = 4096, 32 * 1024
local CHUNK_DIGITS_MAX = 12

local M = {}

-- Each returns whether the answer came to its end, and whether nothing came behind it. `rest`: what was read with the head.
local HAND_ON = {}

function HAND_ON.length(from, to, answer, rest)
  local left = answer.length - #rest
  if left < 0 then return to:send({ answer.head, sub(rest, 1, answer.length) }), false end
  if not to:send({ answer.head, rest }) then return false end
  while left > 0 do
    local piece = from:receiveany(min(left, PIECE_BYTES_MAX))
    if not piece or not to:send(piece) then return false end
    left = left - #piece
  end
  return true, true
end

local function in_chunk(piece) return { format("%x\r\n", #piece), piece, "\r\n" } end

-- An end by reset or time is none.
function HAND_ON.closed(from, to, answer, rest)
  if not to:send(answer.head) then return false end
  local piece, err = rest, nil
  repeat
    if #piece > 0 and not to:send(in_chunk(piece)) then return false end
    piece, err = from:receiveany(PIECE_BYTES_MAX)
  until not piece
  return err == "closed" and to:send("0\r\n\r\n"), false
end

-- The next line, and what was read behind it.
local function read_line(from, rest)
  while true do
    local stop = find(rest, "\n", 1, true)
    if stop then return sub(rest, 1, stop), sub(rest, stop + 1) end
    local piece = #rest <= LINE_BYTES_MAX and from:receiveany(PIECE_BYTES_MAX)
    if not piece then return nil end
    rest = rest .. piece
  end
end

local function is_empty(line) return line == "\r\n" or line == "\n" end

-- How many bytes the next chunk has: nil when that is no number.
local function read_size(from, rest)
  local line
  line, rest = read_line(from, rest)
  local digits = line and match(line, "^(%x+)[ \t]*[;\r\n]")
  if not digits or #digits > CHUNK_DIGITS_MAX then return nil end
  return tonumber(digits, 16), rest
end

local function hand_on_chunk(from, to, left, rest)
  while left > 0 do
    local piece = rest
    if piece == "" then piece = from:receiveany(min(left, PIECE_BYTES_MAX)) end
    if not piece then return nil end
    piece, rest = sub(piece, 1, left), sub(piece, left + 1)
    if not to:send(in_chunk(piece)) then return nil end
    left = left - #piece
  end
  local line
  line, rest = read_line(from, rest)
  return line and is_empty(line) and rest
end

-- Trailers say nothing that a cache may use.
local function skip_trailers(from, rest)
  local bytes, line = 0, nil
  repeat
    line, rest = read_line(from, rest)
    bytes = bytes + (line and #line or TRAILER_BYTES_MAX)
    if bytes > TRAILER_BYTES_MAX then return nil end
  until is_empty(line)
  return rest
end

-- Written anew, so that nobody can take their end for another.
function HAND_ON.chunks(from, to, answer, rest)
  if not to:send(answer.head) then return false end
  while true do
    local size
    size, rest = read_size(from, rest)
    if not size then return false end
    if size == 0 then break end
    rest = hand_on_chunk(from, to, size, rest)
    if not rest then return false end
  end
  rest = skip_trailers(from, rest)
  if not rest then return false end
  return to:send("0\r\n\r\n"), rest == ""
end

--- Writes the head of the answer and its body, of which `rest` was read already. Returns whether it came to its end, and whether
-- the origin's connection may go on from there.
function M.hand_on(from, to, answer, rest)
  local is_whole, is_clean = HAND_ON[answer.ends](from, to, answer, rest)
  return is_whole and true or false, is_whole and is_clean and answer.persists
end

return M
