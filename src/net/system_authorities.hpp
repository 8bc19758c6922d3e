// SPDX-License-Identifier: MIT
// The certificate authorities that this machine trusts.
#pragma once

#include <memory>
#include <mutex>

struct x509_store_st;

namespace redstart::net {

/// Reads them when they are first needed and keeps them: they are hundreds, which takes tens of milliseconds in which
/// nothing else on the event loop runs. Connections of one client share this. Threads: any.
class system_authorities {
 public:
  system_authorities() = default;
  system_authorities(const system_authorities&) = delete;
  system_authorities& operator=(const system_authorities&) = delete;

  /// OpenSSL's X509_STORE; null in a build without TLS and when memory is short.
  x509_store_st* store();

 private:
  std::once_flag once_;
  std::shared_ptr<x509_store_st> store_;
};

}  // namespace redstart::net
