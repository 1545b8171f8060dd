-- Reads feed records as agents/contract.ts frames them, from a file or from a text. Any phase; no dict.
local find, match, sub = string.find, string.match, string.sub
local open = io.open
local setmetatable, tonumber = setmetatable, tonumber

-- The largest body that the compiler makes is a structure of 1 MB.
local BODY_BYTES_MAX = 1024 * 1024
local HEADER = "^record (%l+) (%x+%-%x+%-%x+%-%x+%-%x+) (%d+) (%l+) (%x+) (%d+) (%S+)$"

local M = {}

local FileSource = {}
FileSource.__index = FileSource

function FileSource:line() return self.file:read("*l") end
function FileSource:bytes(count) return count == 0 and "" or self.file:read(count) end
function FileSource:position() return self.file:seek() end
function FileSource:go(position) self.file:seek("set", position) end
function FileSource:close() self.file:close() end

local TextSource = {}
TextSource.__index = TextSource

function TextSource:line()
  local from = self.at
  if from > #self.text then return nil end
  local stop = find(self.text, "\n", from, true) or #self.text + 1
  self.at = stop + 1
  return sub(self.text, from, stop - 1)
end

function TextSource:bytes(count)
  local from = self.at
  if count > 0 and from > #self.text then return nil end
  self.at = from + count
  return sub(self.text, from, from + count - 1)
end

function TextSource:position() return self.at end
function TextSource:go(position) self.at = position end
function TextSource:close() end

--- nil when there is no such file.
function M.source_of_file(path)
  local file, err = open(path, "rb")
  if not file then return nil, err end
  file:setvbuf("full", 1024 * 1024)
  return setmetatable({ file = file }, FileSource)
end

function M.source_of_text(text)
  return setmetatable({ text = text, at = 1 }, TextSource)
end

--- The first line of a checkpoint file; nil when it is none.
function M.checkpoint_of(line)
  local feed_id, scope, rev, count, digest, signature = match(line, "^checkpoint (%S+) (%S+) (%d+) (%d+) (%x+) (%S+)$")
  if not feed_id then return nil end
  return {
    feed_id = feed_id, scope = scope, rev = tonumber(rev), count = tonumber(count),
    digest = digest, signature = signature,
  }
end

local function header_of(line)
  local kind, id, rev, op, hash, length, signature = match(line, HEADER)
  if not kind or #id ~= 36 or #hash ~= 64 or (op ~= "put" and op ~= "del") then return nil end
  length = tonumber(length)
  if length > BODY_BYTES_MAX then return nil end
  return { kind = kind, id = id, rev = tonumber(rev), op = op, hash = hash, length = length,
           signature = signature, header = line }
end

-- Bodies are one line of JSON, so a line that begins like a header is one.
local function resync(source)
  while true do
    local position = source:position()
    local line = source:line()
    if not line then return end
    if sub(line, 1, 7) == "record " and header_of(line) then
      source:go(position)
      return
    end
  end
end

-- The next record with its body, or with a reason why it has none: then bytes are damaged, and what is known of the
-- record may be nothing. nil at the end.
local function next_record(source)
  local line = source:line()
  if not line then return nil end
  local record = header_of(line)
  if not record then
    resync(source)
    return {}, "a header line is damaged"
  end
  local start = source:position()
  local body = source:bytes(record.length)
  local stop = source:bytes(1)
  if body and #body == record.length and stop == "\n" then
    record.body = body
    return record
  end
  source:go(start)
  resync(source)
  return record, "the body is torn"
end

--- Iterates: `for record, reason in frames.each(source) do`; with a reason, the record has no body and perhaps no header.
function M.each(source) return next_record, source end

return M
