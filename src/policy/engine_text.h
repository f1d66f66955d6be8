#pragma once
/// Texts across the border to the Rust library.

#include <string>
#include <string_view>

#include "policy/engine/kbs_engine.h"

namespace kbs::policy {

inline KbsText lend(std::string_view text) { return {text.data(), text.size()}; }

/// A text the library gave us: owned until copied out.
class EngineText {
 public:
  EngineText() = default;
  EngineText(const EngineText&) = delete;
  EngineText& operator=(const EngineText&) = delete;
  ~EngineText() { kbs_owned_free(owned_); }
  KbsOwned* out() noexcept { return &owned_; }
  std::string_view view() const noexcept {
    return owned_.data == nullptr ? std::string_view() : std::string_view(owned_.data, owned_.size);
  }

 private:
  KbsOwned owned_{nullptr, 0};
};

}  // namespace kbs::policy
