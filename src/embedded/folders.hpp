// SPDX-License-Identifier: MIT
// Where the private server keeps its things: a temporary folder for the socket, a lasting one for data.
#pragma once

#include "embedded/posix.hpp"

#include <chrono>
#include <string>

namespace redstart::embedded {

/// The folder in which temporary folders are made: $TMPDIR when it is usable and short enough for a unix socket's path
/// inside, else /tmp.
std::string temporary_base();

/// Holds a data folder for one server. The lock belongs to the open file, so it lasts until the last process that
/// inherited the descriptor has ended, whatever becomes of the one that took it.
struct folder_lock {
  std::string folder;  ///< absolute
  unique_fd file;
};

/// Makes the folder when it is missing (then for its owner only) and locks it against a second server.
///
/// A lock that is held is tried again until `patience` is over: the server of a crashed process needs a moment to end.
/// Throws `config_error` when the folder cannot be made or written, `connection_error` when it is in use.
folder_lock lock_folder(const std::string& folder, std::chrono::milliseconds patience);

}  // namespace redstart::embedded
