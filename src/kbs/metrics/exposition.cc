#include "kbs/metrics/exposition.h"

#include <charconv>
#include <span>
#include <vector>

namespace kbs::metrics {
namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
}

void append_labels(std::string& out, std::span<const Label> labels) {
  char before = '{';
  for (const auto& [name, value] : labels) {
    out += before;
    out.append(name).append("=\"");
    append_escaped(out, value);
    out += '"';
    before = ',';
  }
  if (!labels.empty()) out += '}';
}

template <class Number>
void append_sample(std::string& out, std::string_view name, std::string_view suffix,
                   std::span<const Label> labels, Number value) {
  out.append(name).append(suffix);
  append_labels(out, labels);
  out += ' ';
  append_number(out, value);
  out += '\n';
}

}  // namespace

std::string& Exposition::family(std::string_view name, std::string_view type,
                                std::string_view help) {
  const auto [at, added] = families_.try_emplace(name);
  std::string& out = at->second;
  if (added) {
    out.append("# HELP ").append(name).append(" ").append(help);
    out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  return out;
}

void Exposition::counter(std::string_view name, std::string_view help, std::uint64_t value) {
  append_sample(family(name, "counter", help), name, "", {}, value);
}

void Exposition::counter(std::string_view name, std::string_view help, double value) {
  append_sample(family(name, "counter", help), name, "", {}, value);
}

void Exposition::gauge(std::string_view name, std::string_view help, double value) {
  append_sample(family(name, "gauge", help), name, "", {}, value);
}

void Exposition::gauge(std::string_view name, std::string_view help,
                       std::initializer_list<Label> labels, double value) {
  append_sample(family(name, "gauge", help), name, "", std::span(labels.begin(), labels.size()),
                value);
}

void Exposition::series(std::string_view name, std::string_view help,
                        std::initializer_list<Label> labels, std::uint64_t value) {
  append_sample(family(name, "counter", help), name, "", std::span(labels.begin(), labels.size()),
                value);
}

void Exposition::histogram(std::string_view name, std::string_view help,
                           const Histogram& histogram) {
  this->histogram(name, help, {}, histogram);
}

void Exposition::histogram(std::string_view name, std::string_view help,
                           std::initializer_list<Label> labels, const Histogram& histogram) {
  std::string& out = family(name, "histogram", help);
  const Histogram::Reading reading = histogram.read();
  std::vector<Label> all(labels);
  all.emplace_back("le", "");
  for (const auto& [bound, count] : reading.buckets) {
    all.back().second = bound;
    append_sample(out, name, "_bucket", std::span<const Label>(all), count);
  }
  all.back().second = "+Inf";
  append_sample(out, name, "_bucket", std::span<const Label>(all), reading.count);
  const auto own = std::span<const Label>(all).first(labels.size());
  append_sample(out, name, "_sum", own, reading.sum);
  append_sample(out, name, "_count", own, reading.count);
}

std::string Exposition::text() const {
  std::string out;
  for (const auto& [name, family] : families_) out += family;
  return out;
}

}  // namespace kbs::metrics
