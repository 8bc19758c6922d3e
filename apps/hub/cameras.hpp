// SPDX-License-Identifier: MIT
// The status of cameras: what they say of themselves, kept in the cache until they have been silent for too long.
#pragma once

#include "settings.hpp"
#include "timestamp.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <redstart/client.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

namespace asio = boost::asio;
namespace json = boost::json;

/// A camera as the hub knows it.
struct camera {
  std::string id;
  bool online = false;
  std::optional<std::string> last_seen{};                 ///< ISO 8601, UTC
  std::optional<std::chrono::milliseconds> expires_in{};  ///< until it counts as offline; empty when it does already
  json::object details{};                                 ///< what it last said of itself, unless that has expired
  json::value latest{};                                   ///< the latest detection, null without one
};

/// `{"camera_id":"1","status":"online","last_seen":"...","expires_in_ms":n,"details":{...},"latest":{...}}`.
[[nodiscard]] json::object to_json(const camera& known);

/// The message of a change: `{"type":"camera_status","camera_id":"1","status":"online",...}`.
[[nodiscard]] json::object status_message(const camera& known);

/// What `add_touch` is answered when `settings::max_cameras` others are listed.
inline constexpr std::int64_t no_room_for_camera = -1;

/// Thrown by `cameras::put_status` for a new camera when there are `settings::max_cameras` already.
struct too_many_cameras : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Adds the command that notes a sign of life: the camera is listed, if there is room, and then online until its time
/// is up, with `latest` as its latest detection when that is not empty. What it said of itself stays as it is.
void add_touch(redstart::pipeline& to, const settings& of, std::string_view id, std::string_view now,
               std::string_view latest = {});

/// Reads and writes the cameras of all hubs on one Redis.
///
/// Each operation costs one or two round trips, however many cameras there are, and fails as operations of the client
/// do. One coroutine at a time may use an object; it and the client must be alive meanwhile.
class cameras {
 public:
  cameras(const redstart::client& redis, const settings& of) : redis_(redis), settings_(of) {}

  /// Keeps what a camera says of itself, and tells all hubs by `camera_events`. A member `"online": false` says that it
  /// goes offline. That holds until it says otherwise, falls silent, or sends an event more than `back_after` later.
  /// Throws `too_many_cameras`.
  asio::awaitable<camera> put_status(std::string id, json::object status, moment now);

  /// Every camera that was seen and not forgotten since, by its id; numbers come first.
  asio::awaitable<std::vector<camera>> list();

  /// Empty for a camera that was never seen.
  asio::awaitable<std::optional<camera>> get(std::string id);

  /// Removes all that is kept of a camera, and tells all hubs by `camera_events`: both or neither. False when there is
  /// nothing. Its next sign of life makes it known again.
  asio::awaitable<bool> forget(std::string id);

  /// The cameras that went online or offline since the last call; the first call returns none. A hub asks now and then,
  /// and tells its own clients: nothing else would notice that a status has expired. Cameras that were not seen for
  /// `settings::forget_after` are forgotten by this, and no change.
  asio::awaitable<std::vector<camera>> changes(moment now = present());

  /// All screens were told this of a camera, by whoever published it: no change any more. Empty: it was forgotten, so
  /// that it is a change when it is seen again. May be called while another member is waited for.
  void note_told(std::string_view id, std::optional<bool> online);

  static constexpr std::chrono::seconds back_after{5};

 private:
  asio::awaitable<std::vector<camera>> read(std::vector<camera> known, bool with_latest);
  asio::awaitable<std::vector<camera>> known_cameras();
  asio::awaitable<std::vector<camera>> forget_unseen(std::vector<camera> known, moment now);

  const redstart::client& redis_;
  const settings& settings_;
  // Who is online, as screens were told; at each `changes` those that are listed.
  std::optional<std::map<std::string, bool, std::less<>>> told_;
  std::set<std::string, std::less<>> heard_of_;  // told since the last `changes` began
};

}  // namespace hub
