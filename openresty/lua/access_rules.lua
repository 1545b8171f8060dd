-- Who is let in. A rule names viewers by their country, address, referrer or user agent: `deny` refuses those that it
-- names, `allow` all others; and a request must pass every rule for its path. Its part of a document is written by
-- edge-templates/features/access/schema.ts; rules for signed URLs are signed_urls.lua's. Phase: access; no dict.
local countries = require "countries"
local lists = require "lists"
local networks = require "networks"
local patterns = require "patterns"
local signed_urls = require "signed_urls"

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local ipairs, type = ipairs, type

local M = {}

local function named_by_country(rule, var)
  local country = countries.of(var.binary_remote_addr)
  return country and rule.countries[country]
end

local function named_by_address(rule, var) return networks.contains(rule.networks, var.binary_remote_addr) end

-- The host that a Referer names: without a user, a port or brackets' neighbours; nil when it names none.
local function host_of(referrer)
  local authority = match(referrer, "^[hH][tT][tT][pP][sS]?://([^/?#\\]+)")
  if not authority then return nil end
  local host = match(authority, "([^@]*)$")
  return lower(match(host, "^(%[[^%]]*%])") or match(host, "^[^:]*"))
end

local function is_host_named(rule, host)
  if rule.hosts[host] then return true end
  -- `*.example.com`: any name below it.
  local at = find(host, ".", 1, true)
  while at do
    if rule.hosts["*" .. sub(host, at)] then return true end
    at = find(host, ".", at + 1, true)
  end
end

local function named_by_referrer(rule, var)
  local referrer = var.http_referer
  if not referrer or referrer == "" then return rule.empty end
  local host = host_of(referrer)
  return host and is_host_named(rule, host)
end

local function named_by_user_agent(rule, var)
  local agent = lower(var.http_user_agent or "")
  for index = 1, #rule.patterns do
    if patterns.matches(rule.patterns[index], agent) then return true end
  end
end

-- Each type: what is wrong with a rule of it, and how one is made ready.
local TYPES = {
  country = {
    fault = function(rule)
      if type(rule.countries) ~= "string" or rule.countries == "" then return "countries" end
      if not countries.are_known() then return "this edge has no country file (GEOIP_DB)" end
    end,
    prepare = function(rule) rule.countries, rule.names = lists.set_of(rule.countries), named_by_country end,
  },
  ip = {
    fault = function(rule)
      if type(rule.networks) ~= "string" or networks.fault(rule.networks) then return "networks" end
    end,
    prepare = function(rule) rule.networks, rule.names = networks.compile(rule.networks), named_by_address end,
  },
  referrer = {
    fault = function(rule)
      if type(rule.hosts) ~= "string" then return "hosts" end
      if rule.empty ~= nil and rule.empty ~= true then return "empty" end
    end,
    prepare = function(rule) rule.hosts, rule.names = lists.set_of(rule.hosts), named_by_referrer end,
  },
  user_agent = {
    fault = function(rule)
      if type(rule.patterns) ~= "table" then return "patterns" end
      for _, pattern in ipairs(rule.patterns) do
        if type(pattern) ~= "string" then return "patterns" end
      end
    end,
    prepare = function(rule)
      for index, pattern in ipairs(rule.patterns) do rule.patterns[index] = patterns.compile(lower(pattern)) end
      rule.names = named_by_user_agent
    end,
  },
  signed_url = {
    fault = function(rule)
      if rule.action ~= "allow" then return "action" end
      if type(rule.secrets) ~= "string" then return "secrets" end
    end,
    prepare = function(rule) rule.secrets = lists.of(rule.secrets) end,
  },
}

local function fault_of(rule)
  if type(rule) ~= "table" or not TYPES[rule.type] then return "type" end
  if rule.action ~= "allow" and rule.action ~= "deny" then return "action" end
  if not lists.is_text(rule.paths) then return "paths" end
  return TYPES[rule.type].fault(rule)
end

--- What is wrong with them; nil when nothing is.
function M.fault(access)
  if type(access) ~= "table" then return "access: no list" end
  for index, rule in ipairs(access) do
    local fault = fault_of(rule)
    if fault then return "access." .. index - 1 .. ": " .. fault end
  end
end

--- Makes them ready for look-ups, in place.
function M.prepare(access)
  for _, rule in ipairs(access) do
    rule.paths = patterns.compile_list(rule.paths)
    TYPES[rule.type].prepare(rule)
    if rule.type == "signed_url" then access.has_signed_urls = true end
  end
end

--- Whether this viewer is let in. Then also the target and the path that are meant: without a signature.
function M.admit(access, var, target, path)
  if access.has_signed_urls then
    target, path = signed_urls.unsigned(access, var, target, path)
    if not target then return false end
  end
  for index = 1, #access do
    local rule = access[index]
    if rule.names and patterns.any_matches(rule.paths, path) then
      local is_named = rule.names(rule, var) or false
      if is_named == (rule.action == "deny") then return false end
    end
  end
  return true, target, path
end

return M
