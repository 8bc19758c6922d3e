// SPDX-License-Identifier: MIT
// The one place where Asio's own code is compiled; everywhere else BOOST_ASIO_SEPARATE_COMPILATION declares it only.
#include <boost/asio/impl/src.hpp>
#ifdef REDSTART_TLS
#include <boost/asio/ssl/impl/src.hpp>
#endif
