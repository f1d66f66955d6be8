#include "kbs/http/parser.h"

#include <algorithm>
#include <optional>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "kbs/http/inflate.h"
#include "kbs/http/target.h"

namespace kbs::http {
namespace {

namespace bhttp = boost::beast::http;
using boost::beast::error_code;
using BoostView = boost::beast::string_view;

std::string_view view(BoostView text) { return {text.data(), text.size()}; }

Method to_method(bhttp::verb verb) {
  switch (verb) {
    case bhttp::verb::get:
      return Method::get;
    case bhttp::verb::head:
      return Method::head;
    case bhttp::verb::post:
      return Method::post;
    case bhttp::verb::put:
      return Method::put;
    case bhttp::verb::delete_:
      return Method::del;
    default:
      return Method::other;
  }
}

unsigned to_status(const error_code& ec) {
  if (ec == bhttp::error::header_limit) return 431;
  if (ec == bhttp::error::body_limit) return 413;
  return 400;
}

/// Beast's grammar, our message: fields go straight into the `Request` instead of a second
/// container.
class Parser final : public bhttp::basic_parser<true> {
 public:
  explicit Parser(const Limits& limits) : limits_(limits) {
    const auto head = std::min<std::size_t>(limits.max_header_bytes, UINT32_MAX - 1);
    header_limit(
        static_cast<std::uint32_t>(head + 1));  // the exact bound is kept by RequestParser::feed
    body_limit(limits.max_body_bytes);
  }

  Request request;
  SecretBytes body;
  bool expects_continue = false;
  bool http10 = false;

 private:
  void on_request_impl(bhttp::verb verb, BoostView method, BoostView target, int version,
                       error_code& ec) override {
    auto parsed = http::parse_target(view(method), view(target));
    if (!parsed) {
      ec = bhttp::error::bad_target;
      return;
    }
    request.method = to_method(verb);
    request.method_name = view(method);
    request.target = view(target);
    request.path = std::move(parsed->path);
    request.query = std::move(parsed->query);
    http10 = version < 11;
  }

  void on_response_impl(int, BoostView, int, error_code& ec) override {
    ec = bhttp::error::bad_version;
  }

  void on_field_impl(bhttp::field field, BoostView name, BoostView value, error_code& ec) override {
    // Trailers come this way too. They are dropped: an Authorization there must not become a
    // header.
    if (is_header_done()) return;
    if (request.headers.size() == limits_.max_header_lines ||
        value.size() > limits_.max_header_value) {
      ec = bhttp::error::header_limit;
      return;
    }
    if (!framing_is_plain(field, view(value))) {
      ec = bhttp::error::bad_value;
      return;
    }
    request.headers.emplace_back(view(name), view(value));
  }

  /// Beast refuses Content-Length beside a chunked Transfer-Encoding. It lets through what two
  /// servers in a row could still read differently (request smuggling, RFC 9112 §11.2): those are
  /// refused here.
  bool framing_is_plain(bhttp::field field, std::string_view value) {
    switch (field) {
      case bhttp::field::content_length:
        return !std::exchange(has_length_, true) && !has_coding_ &&
               value.find(',') == std::string_view::npos;
      case bhttp::field::transfer_encoding:
        return !std::exchange(has_coding_, true) && !has_length_ && !http10 &&
               same_name(value, "chunked");
      case bhttp::field::host:
        return !std::exchange(has_host_, true);
      case bhttp::field::expect:
        expects_continue = !http10 && same_name(value, "100-continue");
        return true;
      default:
        return true;
    }
  }

  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    // What the head claims is not believed further than this: memory follows the bytes that arrive.
    constexpr std::uint64_t kTrust = 65536;
    if (length) body.reserve(static_cast<std::size_t>(std::min(*length, kTrust)));
  }
  std::size_t on_body_impl(BoostView part, error_code&) override { return append(part); }
  void on_chunk_header_impl(std::uint64_t, BoostView, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BoostView part, error_code&) override {
    return append(part);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t append(BoostView part) {
    const auto bytes = as_bytes(view(part));
    body.insert(body.end(), bytes.begin(), bytes.end());
    return part.size();
  }

  const Limits& limits_;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool has_host_ = false;
};

}  // namespace

class RequestParser::Impl {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) { restart(); }
  void restart() {
    parser.emplace(limits_);
    head_bytes = 0;
  }
  std::optional<Parser> parser;
  std::size_t head_bytes = 0;  ///< consumed before the head ended

 private:
  const Limits& limits_;
};

RequestParser::RequestParser(const Limits& limits)
    : limits_(limits), impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

void RequestParser::refuse(unsigned status) noexcept {
  state_ = State::refused;
  refused_status_ = status;
}

std::size_t RequestParser::feed(std::span<const std::byte> bytes) {
  Parser& parser = *impl_->parser;
  std::size_t used = 0;
  // RFC 9112 §2.2: an empty line before a request is forgiven.
  if (!parser.got_some() && bytes.size() >= 2 && as_text(bytes.first(2)) == "\r\n") used = 2;
  while (state_ != State::refused && used < bytes.size()) {
    const bool in_head = !parser.is_header_done();
    const auto rest = bytes.subspan(used);
    error_code ec;
    const std::size_t n = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
    used += n;
    if (in_head) {
      impl_->head_bytes += n;
      const std::size_t waiting = parser.is_header_done() ? 0 : rest.size() - n;
      if (impl_->head_bytes + waiting > limits_.max_header_bytes) {
        refuse(431);
        break;
      }
    }
    if (ec == bhttp::error::need_more) {
      // Behind the head only a chunk's size line or the trailers wait for more; they have the
      // head's bound.
      if (!in_head && rest.size() - n > limits_.max_header_bytes) refuse(400);
      break;
    }
    if (ec) {
      refuse(to_status(ec));
      break;
    }
    if (parser.is_header_done()) state_ = State::body;
    if (parser.is_done()) {
      state_ = State::complete;
      break;
    }
  }
  return used;
}

bool RequestParser::started() const noexcept { return impl_->parser->got_some(); }
bool RequestParser::expects_continue() const noexcept {
  const Parser& parser = *impl_->parser;
  return state_ == State::body && parser.expects_continue && parser.body.empty();
}
bool RequestParser::keep_alive() const noexcept { return impl_->parser->keep_alive(); }
bool RequestParser::is_http10() const noexcept { return impl_->parser->http10; }

bool RequestParser::take(Request& request) {
  Parser& parser = *impl_->parser;
  const std::string_view coding = parser.request.header("content-encoding");
  auto body = decode_content(coding, std::move(parser.body), limits_.max_body_bytes);
  if (!body) {
    const ErrorKind kind = body.error().kind;
    refuse(kind == ErrorKind::too_large     ? 413
           : kind == ErrorKind::unsupported ? 415
           : kind == ErrorKind::unavailable ? 503
                                            : 400);
    return false;
  }
  request = std::move(parser.request);
  request.body = Secret(std::move(*body));
  impl_->restart();
  state_ = State::head;
  return true;
}

Response RequestParser::refusal() const { return listener_answer(refused_status_); }

Response listener_answer(unsigned status) {
  Response response;
  response.status = status;
  if (status != 413) return response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::string("payload reached size limit");
  return response;
}

}  // namespace kbs::http
