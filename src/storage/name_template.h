#pragma once
/// How a store that knows only flat names calls a resource: `{repository}`, `{type}` and `{tag}`
/// between fixed texts, with an escape that can be undone.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resource/resource_id.h"

namespace kbs::storage {

/// What a store allows in a name besides letters and digits.
struct NameAlphabet {
  std::string_view extra;      ///< "-", "-_./"
  bool case_sensitive = true;  ///< false: capitals are escaped, so that "Key" and "key" stay apart
  std::size_t max_bytes = 0;   ///< 0: no limit
};

/// A compiled template. Immutable.
class NameTemplate {
 public:
  /// Refuses (`invalid_request`, naming the template and the remedy) unknown fields, characters
  /// that the alphabet lacks, and a template under which two resources of the mount could get one
  /// name, unless `allow_collisions`: then names are one-way where they must be. `fixed` is what
  /// the mount's prefix ("", "repository" or "repository/type") already says, so that `{tag}` alone
  /// is enough below "repository/type". A template without any field but `{tag}` takes the tag as
  /// it stands, unescaped, as the reference does for vaults.
  static Result<NameTemplate> compile(std::string_view text, NameAlphabet alphabet,
                                      std::string_view fixed, bool allow_collisions);
  /// `invalid_request` when the store cannot hold the name (too long).
  Result<std::string> name_of(const ResourceId& id) const;
  /// The resource that a name stands for; nullopt when it is none of ours, or the template is
  /// one-way.
  std::optional<ResourceId> resource_of(std::string_view name) const;
  bool reversible() const noexcept { return reversible_; }

 private:
  struct Part {
    enum class Kind { text, repository, type, tag } kind;
    std::string text;
  };
  std::vector<Part> parts_;
  NameAlphabet alphabet_;
  std::string repository_, type_;  ///< from `fixed`
  bool escaped_ = true;
  bool reversible_ = true;
};

}  // namespace kbs::storage
