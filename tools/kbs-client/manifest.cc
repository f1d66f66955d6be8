#include "kbs-client/manifest.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>
#include <set>
#include <stdexcept>

#include <boost/json/array.hpp>

#include "base/encoding.h"
#include "base/time_text.h"
#include "kbs-client/resource_uri.h"
#include "resource/resource_id.h"

namespace kbs::client {
namespace {

constexpr std::size_t kMaxEntries = 10'000;
/// Aliases could make a small text stand for a great many bytes.
constexpr std::size_t kMaxInlineBytes = std::size_t{64} << 20;

/// What the library does not refuse by itself. Thrown within this file only, as the library throws.
struct Refused : std::runtime_error {
  Refused(const YAML::Node& at, const std::string& what)
      : std::runtime_error("line " + std::to_string(at.Mark().line + 1) + ": " + what) {}
};

/// Levenshtein's distance; both are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

using Words = std::initializer_list<std::string_view>;

std::string did_you_mean(std::string_view word, Words known) {
  const std::string_view nearest =
      *std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
        return distance(word, a) < distance(word, b);
      });
  if (distance(word, nearest) <= (word.size() + 2) / 3)
    return "; did you mean `" + std::string(nearest) + "`?";
  std::string all;
  for (std::string_view one : known) all += (all.empty() ? "" : ", ") + std::string(one);
  return "; known here: " + all;
}

std::string scalar(const YAML::Node& node, const std::string& key) {
  if (!node.IsScalar()) throw Refused(node, "`" + key + "` must be a text");
  return node.Scalar();
}

/// One map of the manifest, whose keys are all known and written once.
class Section {
 public:
  Section(const YAML::Node& node, const std::string& name, Words known) : node_(node) {
    if (!node.IsMap()) throw Refused(node, "`" + name + "` must be a map with the keys below it");
    for (const auto& member : node) {
      if (!member.first.IsScalar()) throw Refused(member.first, "a key must be a text");
      const std::string& key = member.first.Scalar();
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        throw Refused(member.first, "unknown key `" + quotable(key) + "` in `" + name + "`" +
                                        did_you_mean(quotable(key), known));
      }
      if (!members_.emplace(key, member.second).second)
        throw Refused(member.first, "`" + key + "` is written twice");
    }
  }

  const YAML::Node* find(const std::string& key) const {
    const auto found = members_.find(key);
    return found == members_.end() ? nullptr : &found->second;
  }
  std::optional<std::string> text(const std::string& key) const {
    const YAML::Node* node = find(key);
    return node ? std::optional(scalar(*node, key)) : std::nullopt;
  }
  std::string required(const std::string& key) const {
    auto value = text(key);
    if (!value || value->empty()) throw Refused(node_, "`" + key + "` is missing or empty");
    return std::move(*value);
  }
  const YAML::Node& node() const { return node_; }

 private:
  /// Keys are outside text on their way to a terminal.
  static std::string quotable(const std::string& key) {
    std::string out = key.substr(0, 64);
    std::replace_if(out.begin(), out.end(), [](char c) { return c >= 0 && c < 0x20; }, '?');
    return out;
  }

  YAML::Node node_;
  std::map<std::string, YAML::Node> members_;
};

class Reader {
 public:
  Manifest read(const YAML::Node& root) {
    const Section top(root, "manifest",
                      {"resources", "resource_policy", "attestation_policies", "reference_values"});
    each(top, "reference_values", [this](const YAML::Node& node) { reference_value(node); });
    each(top, "attestation_policies", [this](const YAML::Node& node) { attestation_policy(node); });
    if (const YAML::Node* node = top.find("resource_policy")) {
      const Section section(*node, "resource_policy", {"file", "value_env", "text", "base64"});
      manifest_.resource_policy = ManifestPolicy{.source = source(section)};
    }
    each(top, "resources", [this](const YAML::Node& node) { resource(node); });
    return std::move(manifest_);
  }

 private:
  template <class F>
  void each(const Section& top, const std::string& key, F read_one) {
    const YAML::Node* list = top.find(key);
    if (!list) return;
    if (!list->IsSequence()) throw Refused(*list, "`" + key + "` must be a list");
    for (const auto& node : *list) {
      if (++entries_ > kMaxEntries)
        throw Refused(node, "more than 10,000 entries; part the manifest");
      read_one(node);
    }
  }

  /// An entry that is there twice is a slip, and which of the two counts would be chance.
  void once(const Section& section, const std::string& name) {
    if (!names_.insert(name).second) throw Refused(section.node(), name + " is there twice");
  }

  ManifestSource source(const Section& section) {
    std::vector<std::string> given;
    for (const char* key : {"file", "value_env", "text", "base64"}) {
      if (section.find(key)) given.emplace_back(key);
    }
    if (given.size() != 1) {
      throw Refused(section.node(),
                    "say where the bytes come from: exactly one of `file`, `value_env` (a variable "
                    "of the environment), `text`, `base64`");
    }
    ManifestSource from;
    if (given[0] == "file" || given[0] == "value_env") {
      from.kind =
          given[0] == "file" ? ManifestSource::Kind::file : ManifestSource::Kind::environment;
      from.name = section.required(given[0]);
      if (from.name.find('\0') != std::string::npos || from.name.find('=') == 0)
        throw Refused(section.node(), "`" + given[0] + "` is no name");
      return from;
    }
    std::string text = *section.text(given[0]);
    from.value = given[0] == "text" ? Secret::from_text(text) : decoded(section, text);
    wipe(text.data(), text.size());
    inline_bytes_ += from.value.size();
    if (inline_bytes_ > kMaxInlineBytes)
      throw Refused(section.node(), "more than 64 MiB in the manifest itself; use `file`");
    return from;
  }

  static Secret decoded(const Section& section, const std::string& text) {
    auto bytes = from_base64(text);
    if (!bytes) throw Refused(section.node(), "`base64` must be standard base64 with its padding");
    Secret value(*bytes);
    wipe(bytes->data(), bytes->size());
    return value;
  }

  void resource(const YAML::Node& node) {
    const Section section(
        node, "resources",
        {"path", "file", "value_env", "text", "base64", "content_type", "not_after", "if"});
    ManifestResource entry;
    const auto uri = parse_admin_uri(section.required("path"));
    if (!uri || !uri->query.empty() || !ResourceId::parse(uri->path)) {
      throw Refused(*section.find("path"),
                    "`path` is not the name of a resource" + std::string(kResourceForms));
    }
    entry.path = uri->path;
    once(section, "the resource " + entry.path);
    entry.source = source(section);
    if (auto type = section.text("content_type")) entry.content_type = *type;
    if (!std::all_of(entry.content_type.begin(), entry.content_type.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f; })) {
      throw Refused(*section.find("content_type"), "`content_type` is none");
    }
    if (auto expiry = section.text("not_after")) {
      if (auto time = parse_rfc3339(*expiry); !time)
        throw Refused(*section.find("not_after"), "`not_after` is " + time.error().message);
      entry.not_after = *expiry;
    }
    if (auto when = section.text("if")) {
      if (*when != "absent")
        throw Refused(*section.find("if"), "`if` can be `absent`, or be left out");
      entry.only_if_absent = true;
    }
    manifest_.resources.push_back(std::move(entry));
  }

  void attestation_policy(const YAML::Node& node) {
    const Section section(node, "attestation_policies",
                          {"id", "file", "value_env", "text", "base64"});
    ManifestPolicy entry{.id = section.required("id")};
    once(section, "the attestation policy " + entry.id);
    entry.source = source(section);
    manifest_.attestation_policies.push_back(std::move(entry));
  }

  /// As `set-sample-reference-value` does: an array, unless `single`.
  void reference_value(const YAML::Node& node) {
    const Section section(node, "reference_values", {"name", "value", "values", "single"});
    ManifestReferenceValue entry{.name = section.required("name")};
    once(section, "the reference value " + entry.name);
    const YAML::Node* one = section.find("value");
    const YAML::Node* many = section.find("values");
    if ((one == nullptr) == (many == nullptr) || (many && !many->IsSequence()))
      throw Refused(node, "say `value`, or a list of `values`");
    const bool single = is_true(section, "single");
    if (single && many) throw Refused(node, "`single` goes with `value`");
    json::array list;
    if (one) list.push_back(typed(*one));
    if (many) {
      for (const auto& item : *many) {
        if (++entries_ > kMaxEntries) throw Refused(item, "more than 10,000 entries");
        list.push_back(typed(item));
      }
    }
    entry.value = single ? list[0] : json::value(list);
    manifest_.reference_values.push_back(std::move(entry));
  }

  static bool is_true(const Section& section, const std::string& key) {
    const auto text = section.text(key);
    if (text && *text != "true" && *text != "false")
      throw Refused(*section.find(key), "`" + key + "` must be true or false");
    return text == "true";
  }

  /// Plain `true`, `false` and whole numbers are what they look like; all else, and all that is
  /// quoted, is a text.
  static json::value typed(const YAML::Node& node) {
    const std::string text = scalar(node, "value");
    if (node.Tag() == "!") return json::value(text);
    if (text == "true" || text == "false") return text == "true";
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
    return json::value(text);
  }

  Manifest manifest_;
  std::set<std::string> names_;
  std::size_t entries_ = 0;
  std::size_t inline_bytes_ = 0;
};

}  // namespace

std::string ManifestSource::describe() const {
  switch (kind) {
    case Kind::file:
      return "file " + name;
    case Kind::environment:
      return "$" + name;
    case Kind::inline_value:
      break;
  }
  return "the manifest";
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kMaxManifestBytes)
    return fail(ErrorKind::too_large, "the manifest is larger than 4 MiB");
  if (!is_utf8(text)) return fail(ErrorKind::invalid_request, "the manifest is not UTF-8 text");
  try {
    // The library keeps copies of its own that nobody wipes; a secret that must leave no trace
    // belongs into a file, and the documentation says so.
    std::string copy(text);
    const std::vector<YAML::Node> documents = YAML::LoadAll(copy);
    wipe(copy.data(), copy.size());
    if (documents.size() != 1 || documents[0].IsNull()) {
      return fail(ErrorKind::invalid_request,
                  "a manifest is one YAML document with `resources` and the like in it");
    }
    return Reader().read(documents[0]);
  } catch (const YAML::Exception& e) {
    return fail(ErrorKind::invalid_request,
                "line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
  } catch (const Refused& e) {
    return fail(ErrorKind::invalid_request, e.what());
  }
}

}  // namespace kbs::client
