#pragma once
/// Short forms for the tests of this folder.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "kbs/config/load.h"

namespace kbs::config::testing {

/// The least that loads: tests append to it, or replace a section of it.
inline const std::string kServer = "[http_server]\ninsecure_http = true\n";
inline const std::string kAdmin = "[admin]\nauthorization_mode = \"DenyAll\"\n";
inline const std::string kToken = "[attestation_token]\ntrusted_certs_paths = [\"/ca.pem\"]\n";
inline const std::string kMinimal = kServer + kAdmin + kToken;

/// The configuration, or a failed test that says why it was refused.
inline Config loaded(const std::string& text, const std::string& format = "toml") {
  auto config = load_text(text, format, "test." + format);
  if (!config) {
    ADD_FAILURE() << config.error().message << "\nof\n" << text;
    return {};
  }
  return std::move(*config);
}

/// Why it was refused, or a failed test.
inline std::string refused(const std::string& text, const std::string& format = "toml") {
  auto config = load_text(text, format, "test." + format);
  if (config) {
    ADD_FAILURE() << "accepted:\n" << text;
    return {};
  }
  return config.error().message;
}

/// All warnings as one text.
inline std::string warnings(const Config& config) {
  std::string out;
  for (const std::string& warning : config.warnings) out += warning + "\n";
  return out;
}

/// The mount of that name, or null.
inline const MountConfig* mount(const Config& config, const std::string& name = "default") {
  for (const MountConfig& one : config.mounts) {
    if (one.options.name == name) return &one;
  }
  return nullptr;
}

/// One of the backend's own settings, or "" when it is not among them.
inline std::string setting(const MountConfig* mount, const std::string& key) {
  if (mount == nullptr) return "no such mount";
  for (const auto& [name, value] : mount->settings) {
    if (name == key) return value;
  }
  return "";
}

}  // namespace kbs::config::testing
