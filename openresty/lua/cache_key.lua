-- What an answer is kept under: the first key, beneath which `Vary` makes others (nginx does that part). Phase: access; no
-- dict. Whatever tells answers apart is in the key, or the same for all viewers of the distribution.
local md5 = ngx.md5

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

--- `target`: the canonical path and what the rule keeps of the query.
function M.of(var, id, target, rule)
  -- An origin may answer http and https differently (a redirect from one to the other), and so may two hosts.
  local key = id .. "|" .. var.scheme .. "|" .. var.host .. target
  if not rule or not rule.key_variables then return key end
  return key .. "|" .. told_apart(var, rule.key_variables)
end

return M
