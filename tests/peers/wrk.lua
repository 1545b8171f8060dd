-- What wrk does for tests/peers/wrk.ts: every name is this machine, and what was measured is printed as one line of JSON.
-- With WRK_BELOW each request asks for a URL of its own below that path.
local below = os.getenv("WRK_BELOW")

function wrk.resolve(_, service) wrk.addrs = wrk.lookup("127.0.0.1", service) end

if below then
  local count = 0
  function request()
    count = count + 1
    return wrk.format(nil, below .. count)
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
