-- The header rules of a document: what is written into requests on their way to the origin and into answers on their way
-- to viewers. Its writer is edge-templates/features/headers/schema.ts, which refuses the names that are not a customer's.
-- Phases: access of the hops that talk to origins, header_filter of those that viewers see; no dict.
local lists = require "lists"
local patterns = require "patterns"
local requests = require "ngx.req"
local responses = require "ngx.resp"

local ngx = ngx
local header = ngx.header
local set_request_header = ngx.req.set_header
local add_request_header, add_response_header = requests.add_header, responses.add_header
local find = string.find
local ipairs, type = ipairs, type

local M = {}

local ACTIONS = { set = true, add = true, remove = true }

local function rule_fault(rule)
  if type(rule) ~= "table" or not ACTIONS[rule.action] then return "action" end
  if type(rule.name) ~= "string" or not find(rule.name, "^[^%c%s:]+$") then return "name" end
  if find(rule.name, "^x%-edge%-") or find(rule.name, "^x%-accel%-") then return "name" end
  if rule.action ~= "remove" and (type(rule.value) ~= "string" or find(rule.value, "%c")) then return "value" end
  if not lists.is_text(rule.paths) then return "paths" end
end

local function phase_fault(rules, phase)
  if rules == nil then return nil end
  if type(rules) ~= "table" then return "headers." .. phase end
  for index, rule in ipairs(rules) do
    local fault = rule_fault(rule)
    if fault then return "headers." .. phase .. "." .. index - 1 .. ": " .. fault end
  end
end

--- What is wrong with them; nil when nothing is.
function M.fault(headers)
  if type(headers) ~= "table" then return "headers: no object" end
  return phase_fault(headers.request, "request") or phase_fault(headers.response, "response")
end

local function prepare_rules(rules)
  for _, rule in ipairs(rules or {}) do rule.paths = patterns.compile_list(rule.paths) end
end

--- Makes them ready for look-ups, in place.
function M.prepare(headers)
  prepare_rules(headers.request)
  prepare_rules(headers.response)
end

--- Writes into the request. Call it when nothing else reads what the viewer said.
function M.write_request(headers, path)
  local rules = headers and headers.request
  if not rules then return end
  for index = 1, #rules do
    local rule = rules[index]
    if patterns.any_matches(rule.paths, path) then
      if rule.action == "add" then
        add_request_header(rule.name, rule.value)
      else
        set_request_header(rule.name, rule.value)
      end
    end
  end
end

--- Whether they write this header into the request.
function M.writes(headers, path, name)
  for _, rule in ipairs(headers and headers.request or {}) do
    if rule.name == name and patterns.any_matches(rule.paths, path) then return true end
  end
  return false
end

-- nginx names itself where an answer has no Server; one that is there and empty is not printed.
local function remove(name)
  if name == "server" then header["Server"] = "-" end
  header[name] = nil
end

--- Writes into the answer.
function M.write_response(headers, path)
  local rules = headers and headers.response
  if not rules then return end
  for index = 1, #rules do
    local rule = rules[index]
    if patterns.any_matches(rule.paths, path) then
      if rule.action == "set" then
        header[rule.name] = rule.value
      elseif rule.action == "add" then
        add_response_header(rule.name, rule.value)
      else
        remove(rule.name)
      end
    end
  end
end

return M
