#pragma once
/// The same loop over one HTTPS connection.

#include <string>

#include "bench/http_load.h"

namespace kbs::bench {

/// A self-signed certificate for 127.0.0.1 and its key, both PEM.
struct ServerCertificate {
  std::string certificate;
  std::string key;
  static Result<ServerCertificate> make();
};

/// One HTTPS connection, the server's certificate checked. `negotiated` becomes
/// "TLSv1.3, TLS_AES_256_GCM_SHA384".
Result<LoadClientPtr> connect_tls(std::uint16_t port, const std::string& certificate_pem,
                                  std::string& negotiated);

}  // namespace kbs::bench
