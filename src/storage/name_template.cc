#include "storage/name_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.h"

namespace kbs::storage {
namespace {

/// In this order, so that what people like to see in names is spoilt last. The doubled ones are for
/// the poorest alphabets: with "-" alone, `a-b` parts fields and `a--2db` is "a-b".
constexpr std::string_view kEscapes[] = {"=", "+", "@", "~", "_", "-", ".", "--", "__", ".."};

std::size_t index(char c) { return static_cast<unsigned char>(c); }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter_or_digit(char c) {
  return is_capital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::bitset<256> letters_and_digits_and(std::string_view extra) {
  std::bitset<256> chars;
  for (std::size_t c = 0; c < chars.size(); ++c)
    chars[c] = is_letter_or_digit(static_cast<char>(c));
  for (char c : extra) chars[index(c)] = true;
  return chars;
}

void to_small_letters(std::string& text) {
  for (char& c : text) {
    if (is_capital(c)) c = static_cast<char>(c - 'A' + 'a');
  }
}

bool starts_with_escape(std::string_view text, std::string_view escape) {
  return !escape.empty() && text.size() >= escape.size() + 2 && text.starts_with(escape) &&
         is_hex_digit(text[escape.size()]) && is_hex_digit(text[escape.size() + 1]);
}

std::string in_quotes(char c) {
  if (c > ' ' && c <= '~') return {'\'', c, '\''};
  return "byte 0x" + hex(std::as_bytes(std::span(&c, 1)));
}

}  // namespace

Result<> NameTemplate::parse(std::string_view text) {
  using Kind = Part::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kFields{
      {{"{repository}", Kind::repository}, {"{type}", Kind::type}, {"{tag}", Kind::tag}}};
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    if (open != 0) {
      parts_.push_back({Kind::text, std::string(text.substr(0, open))});
      text.remove_prefix(std::min(open, text.size()));
      continue;
    }
    const auto* field = std::find_if(kFields.begin(), kFields.end(),
                                     [&](const auto& f) { return text.starts_with(f.first); });
    if (field == kFields.end()) {
      return fail(ErrorKind::invalid_request,
                  quoted() + " has an unknown field \"" +
                      std::string(text.substr(0, text.find('}')).substr(0, 40)) +
                      "\": the fields are {repository}, {type} and {tag}");
    }
    if (has(field->second)) {
      return fail(ErrorKind::invalid_request,
                  quoted() + " says " + std::string(field->first) + " twice: once is enough");
    }
    parts_.push_back({field->second, {}});
    text.remove_prefix(field->first.size());
  }
  if (has(Kind::repository) || has(Kind::type) || has(Kind::tag)) return {};
  return fail(ErrorKind::invalid_request,
              quoted() + " has no field: say where {repository}, {type} and {tag} belong");
}

Result<> NameTemplate::check_texts(const Chars& allowed) const {
  std::size_t bytes = 0;
  for (const Part& part : parts_) {
    bytes += part.kind == Part::Kind::text ? part.text.size() : 1;
    for (char c : part.text) {
      if (allowed[index(c)]) continue;
      return fail(ErrorKind::invalid_request, quoted() + " holds " + in_quotes(c) +
                                                  ", which names in this store cannot: take "
                                                  "another separator");
    }
  }
  if (max_bytes_ == 0 || bytes <= max_bytes_) return {};
  return fail(ErrorKind::invalid_request,
              quoted() + " makes names of at least " + std::to_string(bytes) +
                  " bytes; this store holds names of up to " + std::to_string(max_bytes_) +
                  ": shorten its fixed texts");
}

bool NameTemplate::has(Part::Kind kind) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& p) { return p.kind == kind; });
}

Result<> NameTemplate::check_apart() const {
  using Kind = Part::Kind;
  std::string why;
  const bool lacks_repository = !has(Kind::repository) && repository_.empty();
  const bool lacks_type = !has(Kind::type) && type_.empty();
  if (lacks_repository) why += " {repository}";
  if (lacks_type) why += std::string(lacks_repository ? " and" : "") + " {type}";
  if (!has(Kind::tag)) why += std::string(why.empty() ? "" : " and") + " {tag}";
  if (!why.empty()) {
    why = "it does not say" + why + ": add what is missing";
  } else {
    for (std::size_t i = 0; i + 1 < parts_.size() && why.empty(); ++i) {
      if (parts_[i].kind == Kind::text) continue;
      const Part& next = parts_[i + 1];
      if (next.kind != Kind::text) {
        why = "nothing stands between two fields: put a separator there";
      } else if (i + 2 < parts_.size() && is_letter_or_digit(next.text.front())) {
        why =
            "the text between two fields begins with a letter or digit: begin it with another "
            "character";
      }
    }
  }
  if (why.empty()) return {};
  return fail(ErrorKind::invalid_request, "under " + quoted() +
                                              " two resources could get one name, because " + why +
                                              ", or accept it with allow_name_collisions = true");
}

/// Whether a text between two fields can never be taken for an escape. Behind it stands the next
/// field, which begins with a plain character (at worst a hex digit) or with an escape.
bool NameTemplate::takes_apart(std::string_view escape) const {
  for (std::size_t i = 1; i + 1 < parts_.size(); ++i) {
    if (parts_[i].kind != Part::Kind::text) continue;
    if (starts_with_escape(parts_[i].text + "0000", escape)) return false;
    if (starts_with_escape(parts_[i].text + std::string(escape) + "00", escape)) return false;
  }
  return true;
}

Result<> NameTemplate::choose_escape(std::string_view extra, const Chars& allowed) {
  const Chars segment = letters_and_digits_and("_.-");
  plain_ = segment & allowed;
  for (char c = 'A'; c <= 'Z' && !case_sensitive_; ++c) plain_[index(c)] = false;
  for (std::size_t i = 1; i + 1 < parts_.size(); ++i) {
    if (!parts_[i].text.empty()) plain_[index(parts_[i].text.front())] = false;
  }
  if (plain_ == segment) return {};
  for (std::string_view escape : kEscapes) {
    if (extra.find(escape.front()) == std::string_view::npos) continue;
    if (reversible_ && !takes_apart(escape)) continue;
    escape_ = escape;
    plain_[index(escape.front())] = false;
    return {};
  }
  return fail(ErrorKind::invalid_request,
              quoted() +
                  " leaves no character of this store's names for escapes: use one and the "
                  "same separator between all fields, as in {repository}-{type}-{tag}");
}

Result<NameTemplate> NameTemplate::compile(std::string_view text, NameAlphabet alphabet,
                                           std::string_view fixed, bool allow_collisions) {
  NameTemplate made;
  made.source_ = text;
  made.case_sensitive_ = alphabet.case_sensitive;
  made.max_bytes_ = alphabet.max_bytes;
  made.repository_ = fixed.substr(0, fixed.find('/'));
  made.type_ = fixed.substr(std::min(fixed.size(), made.repository_.size() + 1));
  const Chars allowed = letters_and_digits_and(alphabet.extra);
  KBS_OK(made.parse(text));
  KBS_OK(made.check_texts(allowed));
  if (Result<> apart = made.check_apart(); !apart) {
    if (!allow_collisions) return tl::unexpected(std::move(apart).error());
    made.reversible_ = false;
  }
  if (!made.case_sensitive_) {
    for (Part& part : made.parts_) to_small_letters(part.text);
  }
  made.verbatim_ = !made.has(Part::Kind::repository) && !made.has(Part::Kind::type);
  if (!made.verbatim_) {
    KBS_OK(made.choose_escape(alphabet.extra, allowed));
    return made;
  }
  made.plain_ = letters_and_digits_and("_.-") & allowed;
  if (made.case_sensitive_) return made;
  if (allow_collisions) made.reversible_ = false;
  for (char c = 'A'; c <= 'Z'; ++c) made.plain_[index(c)] = allow_collisions;
  return made;
}

Result<> NameTemplate::append_field(std::string& name, std::string_view segment) const {
  for (char c : segment) {
    if (plain_[index(c)]) {
      name += c;
    } else if (!verbatim_) {
      name += escape_;
      name += hex(std::as_bytes(std::span(&c, 1)));
    } else if (is_capital(c)) {
      return fail(ErrorKind::invalid_request,
                  "the tag holds a capital letter, and this store does not tell capitals from "
                  "small letters: use small letters, or accept it with allow_name_collisions");
    } else {
      return fail(ErrorKind::invalid_request,
                  "the tag holds " + in_quotes(c) + ", which names in this store cannot");
    }
  }
  return {};
}

bool NameTemplate::is_below_fixed(const ResourceId& id) const {
  using Kind = Part::Kind;
  const bool repository = has(Kind::repository) || repository_.empty();
  const bool type = has(Kind::type) || type_.empty();
  return (repository || id.repository == repository_) && (type || id.type == type_);
}

Result<std::string> NameTemplate::name_of(const ResourceId& id) const {
  // Elsewhere it would take the name of a resource that lives here.
  if (!is_below_fixed(id)) {
    return fail(ErrorKind::invalid_request,
                "the resource is not below the prefix of this storage mount");
  }
  std::string name;
  for (const Part& part : parts_) {
    using enum Part::Kind;
    switch (part.kind) {
      case text:
        name += part.text;
        break;
      case repository:
        KBS_OK(append_field(name, id.repository));
        break;
      case type:
        KBS_OK(append_field(name, id.type));
        break;
      case tag:
        KBS_OK(append_field(name, id.tag));
        break;
    }
  }
  if (max_bytes_ != 0 && name.size() > max_bytes_) {
    return fail(ErrorKind::invalid_request,
                "this resource would need a name of " + std::to_string(name.size()) +
                    " bytes; this store holds names of up to " + std::to_string(max_bytes_));
  }
  return name;
}

std::optional<std::string> NameTemplate::take_field(std::string_view& rest) const {
  std::string segment;
  while (!rest.empty()) {
    std::size_t taken = 1;
    if (starts_with_escape(rest, escape_)) {
      taken = escape_.size() + 2;
      const Result<Bytes> byte = from_hex(rest.substr(escape_.size(), 2));
      segment += static_cast<char>(byte->front());
    } else if (plain_[index(rest.front())]) {
      segment += rest.front();
    } else {
      break;
    }
    rest.remove_prefix(taken);
  }
  if (!is_resource_segment(segment)) return std::nullopt;
  return segment;
}

std::optional<ResourceId> NameTemplate::resource_of(std::string_view name) const {
  if (!reversible_) return std::nullopt;
  std::string as_stored(name);
  if (!case_sensitive_) to_small_letters(as_stored);
  std::string_view rest = as_stored;
  ResourceId id{repository_, type_, {}};
  // The last field goes on to the end of the name, or to the fixed text there.
  std::size_t count = parts_.size();
  if (parts_.back().kind == Part::Kind::text) {
    if (!rest.ends_with(parts_.back().text)) return std::nullopt;
    rest.remove_suffix(parts_.back().text.size());
    --count;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Part& part = parts_[i];
    if (part.kind == Part::Kind::text) {
      if (!rest.starts_with(part.text)) return std::nullopt;
      rest.remove_prefix(part.text.size());
      continue;
    }
    std::optional<std::string> segment = take_field(rest);
    if (!segment) return std::nullopt;
    using enum Part::Kind;
    (part.kind == repository ? id.repository
     : part.kind == type     ? id.type
                             : id.tag) = std::move(*segment);
  }
  // "a=61" is no name of ours: "a" needs no escape.
  if (!rest.empty() || name_of(id) != as_stored) return std::nullopt;
  return id;
}

}  // namespace kbs::storage
