-- What a handshake needs to know of the distribution whose name is asked for: little enough for a worker to keep of very
-- many, whose documents it does not keep. Phases: ssl_client_hello, ssl_certificate, and wherever certificates are looked
-- for. Reads documents and hosts through their modules.
local documents = require "documents"
local facts = require "facts"
local lrucache = require "resty.lrucache"
local route = require "route"

local gsub = string.gsub

local NAMES_MAX = 25000

local known = assert(lrucache.new(NAMES_MAX))

local M = {}

local function read(name, id, version, generation)
  local document = documents.find(id)
  if not document then return nil end
  local found = {
    id = id, version = version, generation = generation, account = document.account, http2 = document.http2,
    -- As sessions know it: 32 characters are the most that OpenSSL takes.
    whose = gsub(id, "-", ""),
  }
  known:set(name, found)
  return found
end

--- {id, account, http2, whose} of a name (lower case); nil for one that nobody has, or whose document is not here.
function M.of(name)
  local generation = facts.generation()
  local found = known:get(name)
  if found and found.generation == generation then return found end
  local id = route.id_of(name)
  local version = id and documents.version_of(id)
  if not version then
    known:delete(name)
    return nil
  end
  if found and found.id == id and found.version == version then
    found.generation = generation
    return found
  end
  return read(name, id, version, generation)
end

return M
