-- SPDX-License-Identifier: MIT
-- wrk posts one event, the same one for ever, and prints what it counted as a line of JSON.
wrk.method = "POST"
wrk.body = '{"camera_id":1,"timestamp":"2024-01-01T12:00:00","objects":["person","car"]}'
wrk.headers["Content-Type"] = "application/json"

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"refused":%d,"socket_errors":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
