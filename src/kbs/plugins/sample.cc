#include "kbs/plugins/sample.h"

namespace kbs::plugins {
namespace {

class Sample final : public Plugin {
 public:
  std::string_view name() const noexcept override { return "sample"; }
  Gate gate(const Call&) const override { return Gate::admin; }
  bool encrypted(const Call&) const override { return false; }
  awaitable<Result<Reply>> handle(const Call&) override {
    Reply reply;
    reply.body = Secret::from_text("sample plugin response");
    co_return reply;
  }
  awaitable<Result<>> health() override { co_return Result<>(); }
};

}  // namespace

PluginPtr make_sample() { return std::make_shared<Sample>(); }

std::string Call::joined_path() const {
  std::string text;
  for (const std::string& segment : path) {
    if (!text.empty() || &segment != &path.front()) text += '/';
    text += segment;
  }
  return text;
}

}  // namespace kbs::plugins
