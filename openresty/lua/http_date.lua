-- Dates as HTTP writes them (RFC 9110 § 5.6.7): the form of today and the two of old. Any phase; no dict.
local lower, format = string.lower, string.format
local tonumber = tonumber
local date = os.date
local parse_http_time, re_match = ngx.parse_http_time, ngx.re.match

local IMF = [[^[a-z]{3}, (\d\d) ([a-z]{3}) (\d{4}) (\d\d:\d\d:\d\d) gmt$]]
local RFC850 = [[^[a-z]+day, (\d\d)-([a-z]{3})-(\d\d) (\d\d:\d\d:\d\d) gmt$]]
local ASCTIME = [[^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4})$]]
local MONTHS = { jan = "Jan", feb = "Feb", mar = "Mar", apr = "Apr", may = "May", jun = "Jun", jul = "Jul", aug = "Aug",
  sep = "Sep", oct = "Oct", nov = "Nov", dec = "Dec" }

local M = {}

local function seconds(day, month, year, time)
  local name = MONTHS[lower(month)]
  -- nginx does not look at the day of the week.
  return name and parse_http_time(format("Thu, %02d %s %04d %s GMT", tonumber(day), name, year, time))
end

-- A two-digit year that seems to be more than 50 years ahead is of the past.
local function full_year(two_digits)
  local year = 2000 + tonumber(two_digits)
  return year > tonumber(date("!%Y")) + 50 and year - 100 or year
end

--- Unix seconds; nil for anything that is no HTTP date.
function M.parse(text)
  if not text then return nil end
  local m = re_match(text, IMF, "ijo")
  if m then return seconds(m[1], m[2], tonumber(m[3]), m[4]) end
  m = re_match(text, RFC850, "ijo")
  if m then return seconds(m[1], m[2], full_year(m[3]), m[4]) end
  m = re_match(text, ASCTIME, "ijo")
  return m and seconds(m[2], m[1], tonumber(m[4]), m[3])
end

return M
