#pragma once
/// The text format of Prometheus, version 0.0.4.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "kbs/metrics/instruments.h"

namespace kbs::metrics {

using Label = std::pair<std::string_view, std::string_view>;

/// Gathers families and writes them sorted by name. Names and help texts are literals of ours;
/// label values are anybody's and are escaped.
class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value);
  void counter(std::string_view name, std::string_view help, double value);
  void gauge(std::string_view name, std::string_view help, double value);
  void gauge(std::string_view name, std::string_view help, std::initializer_list<Label> labels,
             double value);
  /// One series of a labelled counter. Series of a family come in the order wanted; the first one
  /// brings the help.
  void series(std::string_view name, std::string_view help, std::initializer_list<Label> labels,
              std::uint64_t value);
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram);
  void histogram(std::string_view name, std::string_view help, std::initializer_list<Label> labels,
                 const Histogram& histogram);

  std::string text() const;

 private:
  std::string& family(std::string_view name, std::string_view type, std::string_view help);
  std::map<std::string_view, std::string> families_;
};

}  // namespace kbs::metrics
