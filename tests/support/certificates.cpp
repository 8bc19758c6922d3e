// SPDX-License-Identifier: MIT
#include "support/certificates.hpp"

#include "support/scratch.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace redstart::test {
namespace {

template <auto Free>
struct freed_by {
  template <typename T>
  void operator()(T* value) const {
    Free(value);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;
using file_ptr = std::unique_ptr<std::FILE, freed_by<std::fclose>>;

constexpr long day = 24L * 3600;

void require(bool worked, const char* what) {
  if (!worked) {
    throw std::runtime_error(std::string("certificates: ") + what + " failed");
  }
}

struct signed_key {
  key_ptr key;
  x509_ptr x509;
};

struct request {
  std::string name;
  std::string alternative_names{};  // empty: an authority
  long valid_until = 30 * day;      // from now, in seconds
};

void add_extension(X509* to, X509* issuer, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
  require(extension && X509_add_ext(to, extension.get(), -1) == 1, value.c_str());
}

void add_extensions(X509* to, X509* issuer, const request& wanted) {
  if (wanted.alternative_names.empty()) {
    add_extension(to, issuer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(to, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(to, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(to, issuer, NID_subject_alt_name, wanted.alternative_names);
    add_extension(to, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  }
  add_extension(to, issuer, NID_subject_key_identifier, "hash");
  add_extension(to, issuer, NID_authority_key_identifier, "keyid");
}

// Signed by the issuer, or by itself without one.
signed_key make(const request& wanted, const signed_key* issuer) {
  static long serial = 0;
  signed_key made{key_ptr(EVP_EC_gen("P-256")), x509_ptr(X509_new())};
  require(made.key && made.x509, "making a key");
  X509* x509 = made.x509.get();
  X509* signer = issuer == nullptr ? x509 : issuer->x509.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -30 * day);
  X509_gmtime_adj(X509_getm_notAfter(x509), wanted.valid_until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  X509_set_pubkey(x509, made.key.get());
  add_extensions(x509, signer, wanted);
  require(X509_sign(x509, (issuer == nullptr ? made : *issuer).key.get(), EVP_sha256()) > 0, "signing");
  return made;
}

class store {
 public:
  store() {
    const signed_key ca = make({.name = "Redstart test CA"}, nullptr);
    const std::string local = "DNS:localhost,IP:127.0.0.1,IP:::1";
    files_.ca_file = save("ca", ca).file;
    files_.server = save("server", make({.name = "localhost", .alternative_names = local}, &ca));
    files_.expired = save("expired", make({.name = "localhost", .alternative_names = local, .valid_until = -day}, &ca));
    files_.other_host = save("other_host", make({.name = "other", .alternative_names = "DNS:other.example"}, &ca));
    files_.client = save("client", make({.name = "client", .alternative_names = "DNS:client.example"}, &ca));
    files_.other_ca_file = save("other_ca", make({.name = "Another test CA"}, nullptr)).file;
  }
  [[nodiscard]] const certificates& files() const { return files_; }

 private:
  certificate save(const std::string& name, const signed_key& made) const {
    certificate result{folder_.file(name + ".crt"), folder_.file(name + ".key")};
    const file_ptr certificate_file(std::fopen(result.file.c_str(), "w"));
    const file_ptr key_file(std::fopen(result.key.c_str(), "w"));
    require(certificate_file && key_file, "opening a file");
    require(PEM_write_X509(certificate_file.get(), made.x509.get()) == 1, "writing a certificate");
    require(PEM_write_PrivateKey(key_file.get(), made.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
            "writing a key");
    return result;
  }

  scratch_folder folder_;
  certificates files_;
};

}  // namespace

const certificates& test_certificates() {
  static const store made;
  return made.files();
}

}  // namespace redstart::test
