-- The country of a viewer, from a file in MaxMind's format at local/countries.mmdb of the edge's home, read by
-- libmaxminddb. Opened in init_by_lua, so that all workers share the pages. Phase: access; no dict.
local ffi = require "ffi"
local lrucache = require "resty.lrucache"

local ngx = ngx
local open = io.open
local ipairs, pcall = ipairs, pcall

ffi.cdef [[
// Opaque: 136 bytes in version 1.
typedef struct { uint64_t room[64]; } edgewright_countries;
typedef struct { const void *countries; uint32_t offset; } edgewright_country_entry;
typedef struct { bool found; edgewright_country_entry entry; uint16_t netmask; } edgewright_country_result;
// What it holds of a text; it is a union with a number of 16 bytes.
typedef struct __attribute__((aligned(16))) {
  bool has_data;
  uint8_t padding[15];
  const char *text;
  uint64_t padding_too;
  uint32_t offset, offset_to_next, size, type;
} edgewright_country_data;
typedef struct { uint16_t family; uint16_t port; uint8_t address[4]; uint8_t zero[8]; } edgewright_address_v4;
typedef struct { uint16_t family; uint16_t port; uint32_t flow; uint8_t address[16]; uint32_t scope; } edgewright_address_v6;

int MMDB_open(const char *path, uint32_t flags, edgewright_countries *countries);
edgewright_country_result MMDB_lookup_sockaddr(const edgewright_countries *countries, const void *address, int *error);
int MMDB_aget_value(edgewright_country_entry *entry, edgewright_country_data *data, const char *const *path);
]]

local FILE = "local/countries.mmdb"
local LIBRARY = "libmaxminddb.so.0"
local MODE_MMAP, TYPE_TEXT = 1, 2
local AF_INET, AF_INET6 = 2, 10
local KNOWN_MAX = 10000

local v4 = ffi.new("edgewright_address_v4", { family = AF_INET })
local v6 = ffi.new("edgewright_address_v6", { family = AF_INET6 })
local data = ffi.new("edgewright_country_data")
local failure = ffi.new("int[1]")
-- The makers of such files disagree on where the code lies.
local PATHS = { { "country", "iso_code" }, { "country_code" }, { "country" } }
-- As the library wants them, with a null pointer at the end. It is the names above that keep the texts alive.
for _, names in ipairs(PATHS) do
  names.path = ffi.new("const char *[?]", #names + 1)
  for place, name in ipairs(names) do names.path[place - 1] = name end
end

local library, countries
local known = assert(lrucache.new(KNOWN_MAX))

local M = {}

-- nil and why, when there is none.
local function opened(path)
  local loaded, found = pcall(ffi.load, LIBRARY)
  if not loaded then return nil, LIBRARY .. " is not installed" end
  local file = ffi.new("edgewright_countries")
  local code = found.MMDB_open(path, MODE_MMAP, file)
  if code ~= 0 then return nil, "it is no country file (" .. code .. ")" end
  library = found
  return file
end

--- Opens the file, where there is one.
function M.open(home)
  local path = home .. FILE
  local file = open(path, "rb")
  if not file then return end
  file:close()
  local err
  countries, err = opened(path)
  if not countries then ngx.log(ngx.ERR, FILE, " is not used: ", err) end
end

--- Whether this edge can tell countries at all.
function M.are_known() return countries ~= nil end

-- The whole result is passed on: a part of it does not keep it alive.
local function code_of(result)
  for index = 1, #PATHS do
    if library.MMDB_aget_value(result.entry, data, PATHS[index].path) == 0 and data.has_data and data.type == TYPE_TEXT then
      return ffi.string(data.text, data.size)
    end
  end
end

local function looked_up(address)
  local socket = #address == 4 and v4 or v6
  ffi.copy(socket.address, address, #address)
  local result = library.MMDB_lookup_sockaddr(countries, socket, failure)
  if failure[0] ~= 0 or not result.found then return nil end
  return code_of(result)
end

--- The two letters of the country of an address (its bytes); nil when nobody knows.
function M.of(address)
  if not countries then return nil end
  local code = known:get(address)
  if code == nil then
    code = looked_up(address) or false
    known:set(address, code)
  end
  return code or nil
end

return M
