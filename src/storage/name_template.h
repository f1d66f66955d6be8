#pragma once
/// How a store that knows only flat names calls a resource: `{repository}`, `{type}` and `{tag}`
/// between fixed texts, with an escape that can be undone.

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resource/resource_id.h"

namespace kbs::storage {

/// What a store allows in a name besides letters and digits.
struct NameAlphabet {
  std::string_view extra;      ///< "-", "-_./"; read by `compile` only
  bool case_sensitive = true;  ///< false: capitals are escaped, so that "Key" and "key" stay apart
  std::size_t max_bytes = 0;   ///< 0: no limit
};

/// A compiled template. Immutable, thread-safe.
///
/// What a field cannot hold as it is, because the store does not allow it or because it begins the
/// text behind a field, becomes an escape and two hex digits: the escape is the first of `=`, `+`,
/// `@`, `~`, `_`, `-`, `.`, `--`, `__`, `..` that the alphabet has and the texts cannot be taken
/// for. Where every segment fits, as in `{repository}/{type}/{tag}` with `-_./`, names are the
/// plain path.
class NameTemplate {
 public:
  /// Refuses (`invalid_request`, naming the template and the remedy) unknown fields, characters
  /// that the alphabet lacks, and a template under which two resources of the mount could get one
  /// name, unless `allow_collisions`: then names are one-way where they must be. `fixed` is what
  /// the mount's prefix ("", "repository" or "repository/type") already says, so that `{tag}` alone
  /// is enough below "repository/type". A template without any field but `{tag}` takes the tag as
  /// it stands, unescaped, as the reference does for vaults: `name_of` refuses what the store
  /// cannot hold, and capitals in a store that does not tell them apart (with `allow_collisions`
  /// they pass, and the template is one-way).
  static Result<NameTemplate> compile(std::string_view text, NameAlphabet alphabet,
                                      std::string_view fixed, bool allow_collisions);
  /// `invalid_request` when the store cannot hold the name (too long), or when the resource is not
  /// below `fixed`. In a case-insensitive store names are in small letters.
  Result<std::string> name_of(const ResourceId& id) const;
  /// The resource that a name stands for; nullopt when it is none of ours, or the template is
  /// one-way. In a case-insensitive store the case of `name` does not matter.
  std::optional<ResourceId> resource_of(std::string_view name) const;
  bool reversible() const noexcept { return reversible_; }

 private:
  struct Part {
    enum class Kind { text, repository, type, tag } kind;
    std::string text;
  };
  using Chars = std::bitset<256>;

  NameTemplate() = default;
  Result<> parse(std::string_view text);
  Result<> check_texts(const Chars& allowed) const;
  Result<> check_apart() const;
  Result<> choose_escape(std::string_view extra, const Chars& allowed);
  bool takes_apart(std::string_view escape) const;
  bool has(Part::Kind kind) const;
  std::string quoted() const { return "the name template \"" + source_ + '"'; }
  Result<> append_field(std::string& name, std::string_view segment) const;
  std::optional<std::string> take_field(std::string_view& rest) const;
  bool is_below_fixed(const ResourceId& id) const;

  std::string source_;
  std::vector<Part> parts_;
  Chars plain_;                    ///< stands for itself in a field
  std::string escape_;             ///< "": nothing needs one, or `verbatim_`
  std::string repository_, type_;  ///< from `fixed`
  bool case_sensitive_ = true;
  std::size_t max_bytes_ = 0;
  bool verbatim_ = false;  ///< `{tag}` alone: no escapes
  bool reversible_ = true;
};

}  // namespace kbs::storage
