-- documents.lua on the real dicts: what is put is found, what is refused changes nothing.
local cjson = require "cjson.safe"
local documents = require "documents"
local facts = require "facts"
local lu = require "luaunit"
local route = require "route"
local sha256 = require "sha256"

local count = 0
local function new_id()
  count = count + 1
  return ("0b9e5a36-7f2b-4c8e-9d53-%012x"):format(count)
end

local function body_of(id, hosts, extra)
  local document = {
    format = 2, id = id, account = id, hosts = hosts, http2 = true, http3 = true, https = true,
    redirect_to_https = false, compression = { gzip = true, brotli = true },
    origin = { balancer = "failover", servers = { { id = id, scheme = "http", host = "o", port = 80, host_header = "o",
      sni = "o", weight = 1, primary = true, verify = true, connect_timeout = 5, read_timeout = 30 } } },
    cache = { rules = { { ttl = 1 } } },
  }
  for name, value in pairs(extra or {}) do document[name] = value end
  return cjson.encode(document)
end

local function record(id, rev, body)
  return { kind = "document", id = id, rev = rev, op = "put", body = body, hash = sha256.hex(body) }
end

-- As the control socket does it.
local function put(id, rev, hosts, extra)
  local ok, message, held = documents.put(record(id, rev, body_of(id, hosts, extra)))
  documents.let_go()
  facts.finish_apply(rev)
  return ok, message, held
end
local function remove(id, rev)
  documents.remove({ id = id, rev = rev })
  facts.finish_apply(rev)
end

local T = {}

function T.test_what_was_put_is_found_by_id_and_host()
  local id = new_id()
  lu.assertTrue(put(id, 1, { "found.test", "*.found.test" }))
  lu.assertEquals(documents.find(id).hosts, { "found.test", "*.found.test" })
  lu.assertEquals(select(2, documents.find(id)), 1)
  lu.assertEquals(route.id_of("found.test"), id)
  lu.assertEquals(route.id_of("a.found.test"), id)
  lu.assertNil(route.id_of("a.b.found.test"))
  lu.assertNil(route.id_of("unfound.test"))
end

function T.test_an_update_takes_new_hosts_and_lets_go_of_old_ones()
  local id, other = new_id(), new_id()
  put(id, 1, { "old.test", "kept.test" })
  put(id, 2, { "kept.test", "new.test" })
  lu.assertEquals(select(2, documents.find(id)), 2)
  lu.assertNil(route.id_of("old.test"))
  lu.assertEquals(route.id_of("new.test"), id)
  lu.assertTrue(put(other, 3, { "old.test" }))
end

function T.test_a_host_that_moves_within_a_turn_is_never_nobodys()
  local loser, winner = new_id(), new_id()
  put(loser, 1, { "moved.test", "loser.test" })
  lu.assertTrue(documents.put(record(loser, 2, body_of(loser, { "loser.test" }))))
  lu.assertEquals(route.id_of("moved.test"), loser)
  lu.assertTrue(documents.put(record(winner, 3, body_of(winner, { "moved.test" }))))
  lu.assertEquals(route.id_of("moved.test"), winner)
  documents.let_go()
  lu.assertEquals(route.id_of("moved.test"), winner)
  lu.assertEquals(route.id_of("loser.test"), loser)
end

function T.test_a_host_that_is_let_go_of_and_taken_back_within_a_turn_stays()
  local id = new_id()
  put(id, 1, { "kept.back.test", "back.test" })
  documents.put(record(id, 2, body_of(id, { "kept.back.test" })))
  documents.put(record(id, 3, body_of(id, { "kept.back.test", "back.test" })))
  documents.let_go()
  lu.assertEquals(route.id_of("back.test"), id)
end

function T.test_a_host_of_another_is_refused_and_both_stay_as_they_were()
  local id, other = new_id(), new_id()
  put(id, 1, { "mine.test" })
  put(other, 2, { "other.test" })
  local ok, message, held = put(other, 3, { "other.test", "mine.test" })
  lu.assertNil(ok)
  lu.assertStrContains(message, "mine.test")
  lu.assertTrue(held)
  lu.assertEquals(route.id_of("mine.test"), id)
  lu.assertEquals(select(2, documents.find(other)), 2)
end

function T.test_a_bad_document_leaves_the_last_good_version()
  local id = new_id()
  put(id, 1, { "good.test" })
  for _, extra in ipairs {
    { format = 3 }, { id = new_id() }, { hosts = {} }, { hosts = { "UPPER.test" } }, { http3 = "yes" }, { compression = {} },
    { origin = { balancer = "failover", servers = {} } }, { origin = { balancer = "dice", servers = { 1 } } },
    { cache = { rules = { { paths = {} } } } }, { cache = { rules = { { ttl = -1 } } } },
  } do
    local ok, message = put(id, 2, { "good.test" }, extra)
    lu.assertNil(ok)
    lu.assertIsString(message)
  end
  lu.assertNil((documents.put(record(id, 3, "{"))))
  lu.assertNil((documents.put(record(id, 3, '"' .. ("x"):rep(33 * 1024) .. '"'))))
  lu.assertEquals(select(2, documents.find(id)), 1)
end

function T.test_a_bad_document_without_a_good_version_has_its_hosts_but_no_document()
  local id = new_id()
  put(id, 1, { "never-good.test" }, { format = 3 })
  lu.assertEquals(route.id_of("never-good.test"), id)
  lu.assertNil((documents.find(id)))
  lu.assertTrue(put(id, 2, { "now-good.test" }))
  lu.assertNil(route.id_of("never-good.test"))
  lu.assertEquals(route.id_of("now-good.test"), id)
end

function T.test_another_takes_a_host_whose_holder_was_never_good()
  local bad, good = new_id(), new_id()
  put(bad, 1, { "claimed.test" }, { format = 3 })
  lu.assertTrue(put(good, 2, { "claimed.test" }))
  lu.assertEquals(route.id_of("claimed.test"), good)
  remove(bad, 3)
  lu.assertEquals(route.id_of("claimed.test"), good)
end

function T.test_a_removed_distribution_is_gone_with_its_hosts()
  local id = new_id()
  local before = facts.documents()
  put(id, 1, { "gone.test" })
  lu.assertEquals(facts.documents(), before + 1)
  remove(id, 2)
  lu.assertNil(route.id_of("gone.test"))
  lu.assertNil((documents.find(id)))
  lu.assertEquals(facts.documents(), before)
  remove(id, 3)
  lu.assertEquals(facts.documents(), before)
end

function T.test_an_older_record_of_the_same_feed_changes_nothing()
  local id = new_id()
  put(id, 5, { "newer.test" })
  lu.assertTrue(put(id, 4, { "older.test" }))
  remove(id, 4)
  lu.assertEquals(select(2, documents.find(id)), 5)
  lu.assertNil(route.id_of("older.test"))
end

function T.test_a_restored_database_may_give_a_revision_away_again()
  local id = new_id()
  put(id, 5, { "restored.test" })
  facts.take_feed("another feed")
  put(id, 5, { "restored.test" }, { redirect_to_https = true })
  lu.assertTrue(documents.find(id).redirect_to_https)
  put(id, 2, { "restored.test" })
  facts.take_feed("yet another")
  put(id, 2, { "restored.test" })
  lu.assertEquals(select(2, documents.find(id)), 2)
  lu.assertFalse(documents.find(id).redirect_to_https)
end

function T.test_a_worker_decodes_once_while_nothing_changes()
  local id, other = new_id(), new_id()
  put(id, 1, { "decoded.test" })
  local first = documents.find(id)
  lu.assertIs(documents.find(id), first)
  put(other, 2, { "other-decoded.test" })
  lu.assertIs(documents.find(id), first)
  put(id, 3, { "decoded.test" })
  lu.assertNotIs(documents.find(id), first)
end

function T.test_a_full_memory_refuses_and_keeps_what_it_has()
  local id = new_id()
  put(id, 1, { "kept-in-full.test" })
  local before = facts.document_bytes()
  facts.count_document_bytes(documents.bytes_max() - before)
  local ok, message = put(id, 2, { "kept-in-full.test" })
  facts.count_document_bytes(before - documents.bytes_max())
  lu.assertNil(ok)
  lu.assertEquals(message, "the memory for documents is full")
  lu.assertEquals(select(2, documents.find(id)), 1)
end

function T.test_bytes_are_counted_as_nginx_takes_them()
  local id = new_id()
  local before = facts.document_bytes()
  put(id, 1, { "counted.test" })
  -- Half a kilobyte of document and its key: one slot of 1,024.
  lu.assertEquals(facts.document_bytes() - before, 1024)
  put(id, 2, { "counted.test" }, { account = ("x"):rep(2000) })
  -- The old value waits a minute for the workers that were reading it.
  lu.assertEquals(facts.document_bytes() - before, 1024 + 4096)
end

return T
