// SPDX-License-Identifier: MIT
// Certificates for TLS tests, made anew by each test process.
#pragma once

#include <string>

namespace redstart::test {

/// A PEM certificate and its key, as files.
struct certificate {
  std::string file;
  std::string key;
};

struct certificates {
  std::string ca_file;        ///< signed all of these
  certificate server;         ///< for localhost and 127.0.0.1
  certificate expired;        ///< for localhost and 127.0.0.1, until yesterday
  certificate other_host;     ///< for other.example
  certificate client;         ///< for a client
  std::string other_ca_file;  ///< signed none of these
};

/// Made on the first call, removed when the process ends. Throws `std::runtime_error` when OpenSSL refuses.
const certificates& test_certificates();

}  // namespace redstart::test
