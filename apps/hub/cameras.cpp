// SPDX-License-Identifier: MIT
#include "cameras.hpp"

#include "keys.hpp"
#include "refusal.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <redstart/error.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace hub {

namespace {

using std::chrono::milliseconds;

// A key of another type is as good as none: it must not hide every other camera. Any other refusal (the server is still
// loading) would make cameras look offline that are not.
void check_answers(std::span<const redstart::reply> answers) {
  for (const redstart::reply& answer : answers) {
    if (!answer.is_error()) continue;
    const std::string code(code_of_refusal(answer.text()));
    if (code == "WRONGTYPE") continue;
    const std::string text(answer.text());
    throw redstart::server_error("the status of cameras: " + text, code, text);
  }
}

// Null for what is not there, is of another type, or is no JSON.
json::value parse(const redstart::reply& answer) {
  if (answer.is_null() || answer.is_error()) return nullptr;
  const std::string_view text = answer.text();
  boost::system::error_code failure;
  json::value parsed = json::parse({text.data(), text.size()}, failure);
  return failure ? json::value(nullptr) : parsed;
}

std::optional<std::string> text_member(const json::object& of, std::string_view name) {
  const json::value* found = of.if_contains({name.data(), name.size()});
  const json::string* text = found ? found->if_string() : nullptr;
  if (!text) return std::nullopt;
  return std::string(text->data(), text->size());
}

std::optional<moment> to_moment(const std::optional<std::string>& iso) {
  if (!iso) return std::nullopt;
  const auto reading = parse_timestamp(*iso);
  if (!reading) return std::nullopt;
  return moment(reading->wall.time_since_epoch()) - reading->utc_offset.value_or(std::chrono::minutes(0));
}

// It said that it goes offline, but was seen again.
bool came_back(const std::optional<std::string>& said, const std::optional<std::string>& seen) {
  const auto when = to_moment(said);
  const auto later = to_moment(seen);
  return when && later && *later > *when + cameras::back_after;
}

bool says_offline(const json::object& status) {
  const json::value* online = status.if_contains("online");
  return online && online->is_bool() && !online->get_bool();
}

// Lists a camera unless there are enough others. `pcall` hands on what Redis refuses in its own words, in any version.
constexpr std::string_view list_script =
    "if redis.pcall('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.pcall('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then "
    "return -1 end "
    "return redis.pcall('HSET', KEYS[1], ARGV[1], ARGV[2])";

// The same, and notes its sign of life: one that is not listed costs no key. Each step is tried, whatever comes of the
// one before: full memory shall not take cameras offline that send.
constexpr std::string_view touch_script = R"(
local listed = redis.pcall('HEXISTS', KEYS[1], ARGV[1])
if listed == 0 and redis.pcall('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
local function refused(answer) return type(answer) == 'table' and answer.err end
local added = redis.pcall('HSET', KEYS[1], ARGV[1], ARGV[2])
if listed ~= 1 and refused(added) then return added end
local first = redis.pcall('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[5])
local longer = redis.pcall('PEXPIRE', KEYS[2], ARGV[5])
local latest = false
if ARGV[6] ~= '' then latest = redis.pcall('SET', KEYS[3], ARGV[6], 'PX', ARGV[7]) end
for _, answer in ipairs({added, first, longer, latest}) do
  if refused(answer) then return answer end
end
return added)";

// Removes a camera, if it is known and was not seen since (ARGV[2], when not empty), and says so: both or neither. Who
// removed it and was then cut off could not be told of by anybody else. One whose farewell is refused stays.
constexpr std::string_view forget_script = R"(
local seen = redis.pcall('HGET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' and seen ~= ARGV[2] then return 0 end
if not seen and redis.pcall('EXISTS', KEYS[2], KEYS[3]) == 0 then return 0 end
local function refused(answer) return type(answer) == 'table' and answer.err end
local removed = redis.pcall('HDEL', KEYS[1], ARGV[1])
if refused(removed) then return removed end
local told = redis.pcall('PUBLISH', ARGV[3], ARGV[4])
if refused(told) then
  if seen then redis.pcall('HSET', KEYS[1], ARGV[1], seen) end
  return told
end
local gone = redis.pcall('DEL', KEYS[2], KEYS[3])
if refused(gone) then return gone end
return 1)";

void add_listing(redstart::pipeline& to, const settings& of, std::string_view id, std::string_view now) {
  to.add("EVAL", list_script, 1, keys::cameras, id, now, of.max_cameras);
}

// `seen`: when it was seen last; empty for whenever that was.
void add_forgetting(redstart::pipeline& to, const std::string& id, std::string_view seen) {
  json::object farewell;
  farewell["type"] = "camera_forgotten";
  farewell["camera_id"] = id;
  to.add("EVAL", forget_script, 3, keys::cameras, keys::camera_status(id), keys::camera_latest(id), id, seen,
         keys::camera_events, farewell);
}

// Fills in what stands at camera:{id}:status. `expires_in` is what PTTL answers: below zero without an expiry or a key.
void apply_status(camera& to, const redstart::reply& status, std::int64_t expires_in) {
  if (status.is_null() || status.is_error()) return;
  json::value stored = parse(status);
  const json::object* said = stored.if_object();
  to.details = said ? *said : json::object();
  const auto said_at = text_member(to.details, "last_seen");
  to.details.erase("last_seen");
  if (!to.last_seen) to.last_seen = said_at;
  to.online = !says_offline(to.details) || came_back(said_at, to.last_seen);
  if (expires_in >= 0) to.expires_in = milliseconds(expires_in);
}

void add_reads(redstart::pipeline& to, std::string_view id, bool with_latest) {
  const std::string status = keys::camera_status(id);
  to.add("GET", status).add("PTTL", status);
  if (with_latest) to.add("GET", keys::camera_latest(id));
}

// Numbers in their order, then texts in theirs.
bool comes_before(const camera& left, const camera& right) {
  const auto is_number = [](std::string_view id) {
    return std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
  };
  const bool numbers = is_number(left.id);
  if (numbers != is_number(right.id)) return numbers;
  if (numbers && left.id.size() != right.id.size()) return left.id.size() < right.id.size();
  return left.id < right.id;
}

json::object describe_status(const camera& known) {
  json::object described;
  described["camera_id"] = known.id;
  described["status"] = known.online ? "online" : "offline";
  described["last_seen"] = nullptr;
  if (known.last_seen) described["last_seen"] = *known.last_seen;
  return described;
}

}  // namespace

json::object to_json(const camera& known) {
  json::object described = describe_status(known);
  described["expires_in_ms"] = nullptr;
  if (known.expires_in) described["expires_in_ms"] = known.expires_in->count();
  described["details"] = known.details;
  described["latest"] = known.latest;
  return described;
}

json::object status_message(const camera& known) {
  json::object message;
  message["type"] = "camera_status";
  for (auto& [name, value] : describe_status(known)) message[name] = value;
  message["details"] = known.details;
  return message;
}

void add_touch(redstart::pipeline& to, const settings& of, std::string_view id, std::string_view now,
               std::string_view latest) {
  std::string first = R"({"last_seen":")";
  first.append(now).append("\"}");
  to.add("EVAL", touch_script, 3, keys::cameras, keys::camera_status(id), keys::camera_latest(id), id, now,
         of.max_cameras, first, of.camera_ttl.count(), latest, of.latest_ttl.count());
}

asio::awaitable<camera> cameras::put_status(std::string id, json::object status, moment now) {
  camera said;
  said.id = std::move(id);
  said.online = !says_offline(status);
  said.last_seen = to_iso(now);
  said.expires_in = settings_.camera_ttl;
  status.erase("last_seen");
  said.details = status;
  status["last_seen"] = *said.last_seen;

  redstart::pipeline listing;
  add_listing(listing, settings_, said.id, *said.last_seen);
  const std::vector<redstart::reply> listed = co_await redis_.exec(std::move(listing));
  check_answers(listed);
  if (listed.at(0).integer() == no_room_for_camera) {
    throw too_many_cameras(std::to_string(settings_.max_cameras) + " cameras are known already");
  }
  redstart::pipeline batch;
  batch.add("SET", keys::camera_status(said.id), status, "PX", settings_.camera_ttl.count());
  batch.add("GET", keys::camera_latest(said.id));
  batch.add("PUBLISH", keys::camera_events, status_message(said));
  const std::vector<redstart::reply> answers = co_await redis_.exec(std::move(batch));
  check_answers(answers);
  said.latest = parse(answers.at(1));
  co_return said;
}

asio::awaitable<std::vector<camera>> cameras::list() {
  std::vector<camera> known = co_await known_cameras();
  known = co_await read(std::move(known), true);
  std::ranges::sort(known, comes_before);
  co_return known;
}

asio::awaitable<std::optional<camera>> cameras::get(std::string id) {
  redstart::pipeline batch;
  batch.add("HGET", keys::cameras, id);
  add_reads(batch, id, true);
  const std::vector<redstart::reply> answers = co_await redis_.exec(std::move(batch));
  check_answers(answers);
  std::optional<camera> found;
  const bool known = !answers.at(0).is_null() || !answers.at(1).is_null() || !answers.at(3).is_null();
  if (!known) co_return found;
  found.emplace();
  found->id = std::move(id);
  if (answers[0].view().has_text() && !answers[0].is_error()) found->last_seen = std::string(answers[0].text());
  apply_status(*found, answers[1], answers[2].integer());
  found->latest = parse(answers[3]);
  co_return found;
}

asio::awaitable<bool> cameras::forget(std::string id) {
  redstart::pipeline removal;
  add_forgetting(removal, id, {});
  const std::vector<redstart::reply> removed = co_await redis_.exec(std::move(removal));
  check_answers(removed);
  co_return removed.at(0).integer() > 0;
}

void cameras::note_told(std::string_view id, std::optional<bool> online) {
  if (!told_) return;
  heard_of_.emplace(id);
  const auto known = told_->find(id);
  if (!online) {
    if (known != told_->end()) told_->erase(known);
  } else if (known != told_->end()) {
    known->second = *online;
  } else if (told_->size() < settings_.max_cameras) {  // anybody may publish anything
    told_->emplace(id, *online);
  }
}

asio::awaitable<std::vector<camera>> cameras::changes(moment now) {
  heard_of_.clear();
  std::vector<camera> known = co_await known_cameras();
  known = co_await forget_unseen(std::move(known), now);
  known = co_await read(std::move(known), false);
  std::map<std::string, bool, std::less<>> present_ones;
  std::vector<camera> changed;
  for (camera& one : known) {
    if (!told_) {
      present_ones.emplace(one.id, one.online);
      continue;
    }
    const auto before = told_->find(one.id);
    const bool is_told = before != told_->end();
    if (heard_of_.contains(one.id)) {
      // What was read may be older than what was told meanwhile: the next time shows.
      if (is_told) present_ones.insert(*before);
      continue;
    }
    present_ones.emplace(one.id, one.online);
    if (!is_told || before->second != one.online) changed.push_back(std::move(one));
  }
  told_ = std::move(present_ones);
  co_return changed;
}

asio::awaitable<std::vector<camera>> cameras::known_cameras() {
  std::vector<camera> known;
  const auto all = co_await redis_.exec("HGETALL", keys::cameras);
  known.reserve(all.size() / 2);
  for (auto field = all.begin(); field != all.end(); ++field) {
    camera& one = known.emplace_back();
    one.id = std::string((*field).text());
    if (++field == all.end()) break;
    one.last_seen = std::string((*field).text());
  }
  co_return known;
}

// Returns the others. Of several hubs that find the same one only one takes it from the list, and says so.
asio::awaitable<std::vector<camera>> cameras::forget_unseen(std::vector<camera> known, moment now) {
  const auto patience = std::max(settings_.forget_after, settings_.camera_ttl);
  const auto was_seen = [&](const camera& one) {
    const auto last = to_moment(one.last_seen);
    return !last || *last + patience >= now;
  };
  const auto unseen = std::ranges::partition(known, was_seen);
  if (unseen.empty()) co_return known;
  redstart::pipeline removal;
  for (const camera& one : unseen) add_forgetting(removal, one.id, *one.last_seen);
  // One that Redis does not remove now, as with a full disk, is looked at again the next time.
  co_await redis_.exec(std::move(removal));
  known.erase(unseen.begin(), unseen.end());
  co_return known;
}

asio::awaitable<std::vector<camera>> cameras::read(std::vector<camera> known, bool with_latest) {
  redstart::pipeline batch;
  for (const camera& one : known) add_reads(batch, one.id, with_latest);
  const std::vector<redstart::reply> answers = co_await redis_.exec(std::move(batch));
  check_answers(answers);
  const std::size_t each = with_latest ? 3 : 2;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const std::size_t first = i * each;
    apply_status(known[i], answers.at(first), answers.at(first + 1).integer());
    if (with_latest) known[i].latest = parse(answers.at(first + 2));
  }
  co_return known;
}

}  // namespace hub
