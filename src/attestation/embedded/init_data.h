#pragma once
/// Init-data: configuration measured at launch. Facts: spec/rcar-protocol.md §7,
/// attestation-service.md §7.

#include "attestation/attestation_service.h"
#include "base/encoding.h"
#include "base/json.h"

namespace kbs::attestation::embedded {

struct ParsedInitData {
  Bytes digest;         ///< of the whole text as received, with the algorithm it names
  json::object claims;  ///< table `data`, with nested documents opened
};

/// `invalid_request` for another format than TOML, a missing member or an unknown algorithm.
Result<ParsedInitData> parse_init_data(const InitData& init_data);

}  // namespace kbs::attestation::embedded
