-- Send the requests of a file in turn; write the measurement as JSON to stderr.
-- For each request, the file holds its length in decimal digits, a line break, and its bytes.
local requests, at = {}, 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   while true do
      local length = file:read("*n")
      if not length then break end
      file:read(1)
      requests[#requests + 1] = file:read(length)
   end
   file:close()
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.stderr:write(string.format(
      '{"answers":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f,"wrong":"%s"}',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
      latency:percentile(99) / 1e6, failed > 0 and failed .. " failed" or ""))
end
