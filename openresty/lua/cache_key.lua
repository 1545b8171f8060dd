-- What an answer is kept under: the first key, beneath which `Vary` makes others (nginx does that part). Whatever tells
-- answers apart is in the key, or the same for all viewers of the distribution. So is what makes them old: nothing is found
-- beyond its era, nor under a former epoch. Phase: access; reads purge marks, tags and invalidations through their modules.
local clock = require "clock"
local epochs = require "epochs"
local invalidations = require "invalidations"
local marks = require "marks"
local tag_index = require "tag_index"

local crc32, md5 = ngx.crc32_long, ngx.md5
local floor = math.floor
local match = string.match
local max, tonumber = math.max, tonumber

-- Purge marks are forgotten a day later (marks.lua).
local ERA_SECONDS = 30 * 86400

local M = {}

-- Lengths instead of separators: no value can pass for two.
local function told_apart(var, variables)
  local text = ""
  for index = 1, #variables do
    local value = var[variables[index]]
    text = text .. (value and #value or "-") .. ":" .. (value or "")
  end
  return md5(text)
end

--- Which month this is to a target. Each begins its own at another time, so that they do not all end at once.
function M.era(target, now) return floor((now + crc32(target) % ERA_SECONDS) / ERA_SECONDS) end

-- What another edge knows of purges and invalidations: its own text of this kind.
local function known_to_child(var)
  local text = var.edge_min_epoch
  if text == "" or not text then return nil end
  local epoch, turn = match(text, "^(%d+)%+?(%d*)$")
  return tonumber(epoch), tonumber(turn)
end

-- Since when stored answers count, but for their tags: an epoch, and behind a `+` the turn of a URL that viewers have
-- changed. The two are of different clocks: one must not hide the other.
local function since(var, id, target, path, is_of_child)
  local least_epoch, least_turn
  if is_of_child then least_epoch, least_turn = known_to_child(var) end
  local epoch = marks.epoch(id, target, path, least_epoch)
  local turn = invalidations.turn(id, var.host, target)
  if least_turn then turn = max(turn or 0, least_turn) end
  return epoch, turn and "+" .. turn or ""
end

-- What is kept of tags is found by the key that the answer would have without them.
local function epoch_with_tags(var, id, newest, epoch, before, behind)
  local key = before .. epoch .. behind
  var.edge_tag_key, var.edge_tag_newest = key, newest
  return tag_index.epoch(var, id, key, epoch)
end

--- The key for a request of now. `target`: the canonical path and what the rule keeps of the query.
-- `scheme`: the viewer's, where another edge asks; what that one knows of purges counts then, too.
function M.of(var, id, target, path, rule, scheme)
  local epoch, turn = since(var, id, target, path, scheme ~= nil)
  -- An origin may answer http and https differently (a redirect from one to the other), and so may two hosts.
  local before = id .. "|" .. M.era(target, clock.now()) .. "|"
  local behind = turn .. "|" .. (scheme or var.scheme) .. "|" .. var.host .. target
  if rule and rule.key_variables then behind = behind .. "|" .. told_apart(var, rule.key_variables) end
  local newest = epochs.find(id).tag
  if newest > epoch then epoch = epoch_with_tags(var, id, newest, epoch, before, behind) end
  if epoch ~= 0 or turn ~= "" then var.edge_epoch = epoch .. turn end
  return before .. epoch .. behind
end

return M
