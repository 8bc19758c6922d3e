// SPDX-License-Identifier: MIT
#include "net/system_authorities.hpp"

#ifdef REDSTART_TLS
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#endif

namespace redstart::net {

x509_store_st* system_authorities::store() {
#ifdef REDSTART_TLS
  std::call_once(once_, [this] {
    store_.reset(X509_STORE_new(), &X509_STORE_free);
    // A machine without authorities is none of our errors: nobody will be trusted.
    if (store_) X509_STORE_set_default_paths(store_.get());
    ERR_clear_error();
  });
#endif
  return store_.get();
}

}  // namespace redstart::net
