-- frames.lua: what is whole is read, what is damaged is named and read past.
local frames = require "frames"
local lu = require "luaunit"

local ID = "0b9e5a36-7f2b-4c8e-9d53-6a1f4f0c2a11"
local OTHER_ID = "5d1c1a52-aaaa-4d5e-9a5e-1234567890ab"
local HASH = string.rep("ab", 32)

local function frame(id, rev, body, op)
  return ("record document %s %d %s %s %d key:c2ln\n%s\n"):format(id, rev, op or "put", HASH, #body, body)
end

local function read_all(text)
  local records, reasons = {}, {}
  for record, reason in frames.each(frames.source_of_text(text)) do
    if reason then reasons[#reasons + 1] = reason else records[#records + 1] = record end
  end
  return records, reasons
end

local T = {}

function T.test_records_come_with_their_fields_and_bodies()
  local records, reasons = read_all(frame(ID, 7, '{"a":1}') .. frame(OTHER_ID, 8, "", "del"))
  lu.assertEquals(reasons, {})
  lu.assertEquals(#records, 2)
  local first, second = records[1], records[2]
  lu.assertEquals({ first.kind, first.id, first.rev, first.op, first.hash, first.signature, first.body },
    { "document", ID, 7, "put", HASH, "key:c2ln", '{"a":1}' })
  lu.assertEquals({ second.id, second.op, second.body }, { OTHER_ID, "del", "" })
end

function T.test_length_counts_bytes()
  local records = read_all(frame(ID, 1, '"größer"') .. frame(OTHER_ID, 2, "{}"))
  lu.assertEquals(records[1].body, '"größer"')
  lu.assertEquals(records[2].id, OTHER_ID)
end

function T.test_a_torn_last_body_is_named_and_the_rest_stands()
  local text = frame(ID, 1, "{}") .. frame(OTHER_ID, 2, '{"long":true}'):sub(1, -6)
  local records, reasons = read_all(text)
  lu.assertEquals(#records, 1)
  lu.assertEquals(reasons, { "the body is torn" })
end

function T.test_a_torn_last_header_is_named()
  local records, reasons = read_all(frame(ID, 1, "{}") .. "record document " .. OTHER_ID)
  lu.assertEquals(#records, 1)
  lu.assertEquals(reasons, { "a header line is damaged" })
end

function T.test_a_damaged_header_costs_its_own_record_only()
  local damaged = frame(OTHER_ID, 2, "{}"):gsub("^record", "rexord")
  local records, reasons = read_all(frame(ID, 1, "{}") .. damaged .. frame(ID, 3, '{"n":3}'))
  lu.assertEquals(reasons, { "a header line is damaged" })
  lu.assertEquals({ records[1].rev, records[2].rev }, { 1, 3 })
end

function T.test_a_lost_byte_of_a_body_costs_its_own_record_only()
  local shorter = frame(OTHER_ID, 2, '{"b":2}'):gsub('"b"', '"b')
  local records, reasons = read_all(shorter .. frame(ID, 3, '{"n":3}'))
  lu.assertEquals(reasons, { "the body is torn" })
  lu.assertEquals(#records, 1)
  lu.assertEquals(records[1].rev, 3)
end

function T.test_a_body_larger_than_any_is_no_record()
  local _, reasons = read_all(("record document %s 1 put %s 99999999 -\n"):format(ID, HASH))
  lu.assertEquals(reasons, { "a header line is damaged" })
end

function T.test_a_file_reads_like_a_text()
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(frame(ID, 1, "{}"), "rubbish\n", frame(OTHER_ID, 2, '{"b":2}'))
  file:close()
  local revs = {}
  local source = assert(frames.source_of_file(path))
  for record, reason in frames.each(source) do revs[#revs + 1] = reason or record.rev end
  source:close()
  os.remove(path)
  lu.assertEquals(revs, { 1, "a header line is damaged", 2 })
end

function T.test_a_checkpoint_line_is_read_whole_or_not()
  local head = frames.checkpoint_of("checkpoint feed scope 12 3 " .. HASH .. " key:c2ln")
  lu.assertEquals({ head.feed_id, head.scope, head.rev, head.count, head.digest, head.signature },
    { "feed", "scope", 12, 3, HASH, "key:c2ln" })
  lu.assertNil(frames.checkpoint_of("checkpoint feed scope 12"))
end

return T
