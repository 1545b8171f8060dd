-- answer_head.lua: where an answer ends is certain, or it is no answer.
local answer_head = require "answer_head"
local lu = require "luaunit"

local function read(lines, method)
  return answer_head.read("HTTP/1.1 200 OK\r\n" .. lines .. "\r\n", method or "GET")
end

local function ends_of(...)
  local answer = read(...)
  return answer and answer.ends, answer and answer.length, answer and answer.persists
end

local T = {}

function T.test_a_length_is_one_number_of_digits()
  lu.assertEquals({ ends_of("Content-Length: 12\r\n") }, { "length", 12, true })
  lu.assertEquals({ ends_of("CONTENT-LENGTH:12 \n") }, { "length", 12, true })
  for _, lines in ipairs {
    "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: -1\r\n", "Content-Length: 0x1\r\n",
    "Content-Length:\r\n", "Content-Length: 1 2\r\n", "Content-Length: 1234567890123456\r\n",
  } do
    lu.assertNil((read(lines)), lines)
  end
end

function T.test_chunks_are_alone()
  lu.assertEquals({ ends_of("Transfer-Encoding: Chunked\r\n") }, { "chunks", nil, true })
  for _, lines in ipairs {
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n",
  } do
    lu.assertNil((read(lines)), lines)
  end
end

function T.test_a_coding_that_nobody_knows_is_left_out_and_the_length_with_it()
  local answer = read("A: 1\r\nTransfer-Encoding: unheard-of\r\nContent-Length: 4\r\nB: 2\r\n")
  lu.assertEquals(answer.ends, "closed")
  lu.assertFalse(answer.persists)
  lu.assertEquals(answer.head, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nTransfer-Encoding: chunked\r\n\r\n")
end

function T.test_without_a_word_it_ends_with_the_connection()
  local answer = answer_head.read("HTTP/1.0 200 OK\nA: 1\n\n", "GET")
  lu.assertEquals({ answer.ends, answer.persists }, { "closed", false })
  lu.assertEquals(answer.head, "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
end

function T.test_a_head_alone_has_no_body_whatever_it_says()
  for _, lines in ipairs { "", "Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n" } do
    lu.assertEquals({ ends_of(lines, "HEAD") }, { "length", 0, true })
  end
  for _, status in ipairs { "204 No Content", "304 Not Modified" } do
    local answer = answer_head.read("HTTP/1.1 " .. status .. "\r\nContent-Length: 12\r\n\r\n", "GET")
    lu.assertEquals({ answer.ends, answer.length }, { "length", 0 })
  end
end

function T.test_a_connection_persists_unless_it_is_said_or_old()
  lu.assertEquals(select(3, ends_of("Content-Length: 1\r\nConnection: keep-alive\r\n")), true)
  lu.assertEquals(select(3, ends_of("Content-Length: 1\r\nConnection: X-A, Close\r\n")), false)
  lu.assertFalse(answer_head.read("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "GET").persists)
end

function T.test_what_is_no_http_is_no_answer()
  for _, head in ipairs { "This is no HTTP.\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n" } do
    lu.assertNil((answer_head.read(head, "GET")), head)
  end
end

function T.test_interim_answers_are_those_below_two_hundred()
  lu.assertTrue(answer_head.is_interim("HTTP/1.1 103 Early Hints\r\n\r\n"))
  lu.assertFalse(answer_head.is_interim("HTTP/1.1 200 OK\r\n\r\n"))
end

return T
