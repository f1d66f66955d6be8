#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>

#include "base/encoding.h"
#include "kbs/config/node.h"

namespace kbs::config {
namespace {

/// What we refuse on top of the library's own complaints.
struct Refused : std::runtime_error {
  Refused(int line, const std::string& what)
      : std::runtime_error("line " + std::to_string(line) + ": " + what) {}
};

/// A plain scalar under the core schema of YAML 1.2 (so `yes` and `on` are texts here; a setting
/// that wants a truth value understands them).
void type_plain(const std::string& text, Node& node) {
  static constexpr std::string_view kNull[] = {"", "~", "null", "Null", "NULL"};
  static constexpr std::string_view kTrue[] = {"true", "True", "TRUE"};
  static constexpr std::string_view kFalse[] = {"false", "False", "FALSE"};
  const auto is = [&text](const auto& words) {
    for (std::string_view word : words) {
      if (text == word) return true;
    }
    return false;
  };
  if (is(kNull)) return;
  if (is(kTrue) || is(kFalse)) {
    node.value = is(kTrue);
    return;
  }
  const char* const end = text.data() + text.size();
  std::int64_t integer = 0;
  double real = 0;
  if (auto [p, e] = std::from_chars(text.data(), end, integer); e == std::errc() && p == end) {
    node.value = integer;
    node.raw = text;
  } else if (auto [q, f] = std::from_chars(text.data(), end, real);
             f == std::errc() && q == end && text.find_first_of("0123456789") == 0) {
    node.value = real;
    node.raw = text;
  } else {
    node.value = text;
  }
}

std::size_t count(const Node& node) {
  std::size_t n = 1;
  if (const auto* list = node.list()) {
    for (const Node& item : *list) n += count(item);
  }
  if (const auto* table = node.table()) {
    for (const auto& [name, member] : *table) n += count(member);
  }
  return n;
}

/// Builds the tree from the parser's events, so that nothing is expanded that we did not count.
class Builder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(start(mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused(line(mark), "an alias inside its own anchor");
    // A few lines of aliases to aliases can mean billions of values: pay for each copy before
    // making it.
    nodes_ += count(found->second);
    if (nodes_ > kMaxNodes) throw Refused(line(mark), "aliases expand to too many values");
    Node copy = found->second;
    copy.line = line(mark);
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = start(mark);
    if (key_wanted()) {
      // A name is a text, whatever it looks like.
      node.value = value;
    } else if (tag == "?" || tag.empty()) {
      type_plain(value, node);
    } else if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      node.value = value;
    } else {
      throw Refused(node.line, "tags such as " + tag + " mean nothing here; remove it");
    }
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Node::List{});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Node::Table{});
  }
  void OnMapEnd() override { close(); }

  Node take() { return std::move(root_); }

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor;
    std::string key;  ///< of the member under way, when `has_key`
    bool has_key = false;
    int key_line = 0;
  };

  static int line(const YAML::Mark& mark) { return mark.line + 1; }
  bool key_wanted() const {
    return !levels_.empty() && levels_.back().node.table() != nullptr && !levels_.back().has_key;
  }

  Node start(const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes) throw Refused(line(mark), "too many values");
    Node node;
    node.line = line(mark);
    return node;
  }

  template <class Container>
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Container empty) {
    Node node = start(mark);
    if (levels_.size() >= static_cast<std::size_t>(kMaxDepth)) {
      throw Refused(node.line, "nested too deeply");
    }
    if (key_wanted()) throw Refused(node.line, "a name must be a text");
    node.value = std::move(empty);
    levels_.push_back(Level{std::move(node), anchor, {}, false, 0});
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    add(std::move(level.node), level.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (auto* list = std::get_if<Node::List>(&level.node.value)) {
      list->push_back(std::move(node));
    } else if (!level.has_key) {
      take_key(level, node);
    } else {
      node.line = level.key_line;
      std::get<Node::Table>(level.node.value).push_back({std::move(level.key), std::move(node)});
      level.has_key = false;
    }
  }

  static void take_key(Level& level, const Node& node) {
    const auto* text = std::get_if<std::string>(&node.value);
    if (text == nullptr) throw Refused(node.line, "a name must be a text");
    for (const auto& [name, member] : *level.node.table()) {
      if (name == *text) throw Refused(node.line, "\"" + name + "\" is written twice");
    }
    level.key = *text;
    level.key_line = node.line;
    level.has_key = true;
  }

  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
  Node root_;
};

}  // namespace

Result<Node> parse_yaml(std::string_view text) {
  if (!is_utf8(text)) return fail(ErrorKind::invalid_request, "not UTF-8 text");
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) return Node{Node::Table{}, {}, 1};
    Node root = builder.take();
    Builder second;
    if (parser.HandleNextDocument(second)) {
      return fail(ErrorKind::invalid_request, "more than one YAML document in the file");
    }
    if (root.is_null()) return Node{Node::Table{}, {}, 1};
    if (root.table() == nullptr) {
      return fail(ErrorKind::invalid_request, "a configuration file is a map of sections");
    }
    return root;
  } catch (const YAML::Exception& e) {
    return fail(ErrorKind::invalid_request,
                "line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
  } catch (const Refused& e) {
    return fail(ErrorKind::invalid_request, e.what());
  }
}

}  // namespace kbs::config
