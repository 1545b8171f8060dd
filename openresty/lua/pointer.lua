-- Which version of a record counts, in 38 characters: the feed's turn, the revision, the hash. Of one width, so that a dict
-- overwrites it in place and cannot fail for lack of memory. The hash: a database that was restored may give a revision
-- away twice. Any phase; reads the dict `edge` through `facts`.
local facts = require "facts"

local format, sub = string.format, string.sub
local tonumber = tonumber

local M = {}

M.WIDTH = 38

function M.of(record) return format("%06d%016d", facts.feed_turn(), record.rev) .. sub(record.hash, 1, 16) end

function M.rev_of(pointer) return tonumber(sub(pointer, 7, 22)) end

--- Whether it is of this very feed and of a later revision than the record.
function M.is_newer(pointer, record)
  return tonumber(sub(pointer, 1, 6)) == facts.feed_turn() and M.rev_of(pointer) > record.rev
end

return M
