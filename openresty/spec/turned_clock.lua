-- Not a spec of its own: turns the clock of session tickets in this worker, by `?hours=`.
local lu = require "luaunit"
local session_tickets = require "session_tickets"

local T = {}

function T.test_turns_the_clock()
  local hours = tonumber(ngx.var.arg_hours)
  session_tickets.time = function() return ngx.time() + hours * 3600 end
  lu.assertAlmostEquals(session_tickets.time(), ngx.time() + hours * 3600, 1)
end

return T
