#include "bench/guests.h"

#include "crypto/jwe.h"

namespace kbs::bench {
namespace {

constexpr std::size_t kSampleEvery = 200;
constexpr std::size_t kStock = 16;

Result<GuestKeyPtr> make_key(crypto::KeyType type) {
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(type));
  KBS_TRY(client::GuestKey guest_key, client::GuestKey::from_key(std::move(key)));
  return std::make_shared<const client::GuestKey>(std::move(guest_key));
}

}  // namespace

Result<GuestKeys> GuestKeys::make(crypto::KeyType type) {
  GuestKeys keys;
  if (type == crypto::KeyType::ec_p256) return keys;
  const std::size_t count = type == crypto::KeyType::rsa ? 1 : kStock;
  while (keys.stock_.size() < count) {
    KBS_TRY(GuestKeyPtr key, make_key(type));
    keys.stock_.push_back(std::move(key));
  }
  return keys;
}

Result<GuestKeyPtr> GuestKeys::next() {
  if (stock_.empty()) return make_key(crypto::KeyType::ec_p256);
  return stock_[turn_++ % stock_.size()];
}

void Samples::offer(const GuestKeyPtr& key, std::string_view jwe) {
  if (offered_++ % kSampleEvery == 0) kept_.push_back({key, std::string(jwe)});
}

Result<> Samples::check(std::string_view expected) {
  for (const Kept& one : kept_) {
    KBS_TRY(Secret plain, crypto::decrypt_jwe(one.key->key(), one.jwe));
    if (plain.expose_text() != expected)
      return fail(ErrorKind::internal, "an answer holds another secret");
  }
  kept_.clear();
  return {};
}

Result<> expect_status(const Answer& answer, int expected) {
  if (answer.status == expected) return {};
  return fail(ErrorKind::internal, "the server answered " + std::to_string(answer.status) +
                                       " instead of " + std::to_string(expected) + ": " +
                                       std::string(answer.body.substr(0, 300)));
}

bool RepeatStream::next(std::string& request) {
  if (left_ == 0) return false;
  --left_;
  request = request_;
  return true;
}

Result<bool> RepeatStream::answered(const Answer& answer) {
  KBS_OK(expect_status(answer, 200));
  if (samples_) samples_->offer(key_, answer.body);
  return true;
}

bool OnceStream::next(std::string& request) {
  if (guests_.empty()) return false;
  request = get_request(target_, guests_.front().token);
  key_ = std::move(guests_.front().key);
  guests_.pop_front();
  return true;
}

Result<bool> OnceStream::answered(const Answer& answer) {
  KBS_OK(expect_status(answer, 200));
  samples_.offer(key_, answer.body);
  return true;
}

bool GuestStream::next(std::string& request) {
  if (step_ == first_) {
    if (plan_.left == 0) return false;
    --plan_.left;
  }
  request = request_of(step_);
  return true;
}

std::string GuestStream::request_of(Step step) const {
  switch (step) {
    case Step::ask:
      return get_request(plan_.fetch, {});
    case Step::auth:
      return post_request("/kbs/v0/auth", client::auth_request_body("sample"));
    case Step::attest:
      return post_request("/kbs/v0/attest", evidence_, cookie_);
    case Step::fetch:
      return get_request(plan_.fetch, {}, cookie_);
  }
  return {};
}

Result<bool> GuestStream::answered(const Answer& answer) {
  KBS_OK(expect_status(answer, step_ == Step::ask ? 401 : 200));
  switch (step_) {
    case Step::ask:
      step_ = Step::auth;
      return false;
    case Step::auth:
      KBS_OK(on_challenge(answer));
      step_ = Step::attest;
      return false;
    case Step::attest:
      KBS_OK(on_token(answer));
      step_ = plan_.fetch.empty() ? first_ : Step::fetch;
      return step_ == first_;
    case Step::fetch:
      plan_.samples->offer(key_, answer.body);
      step_ = first_;
      return true;
  }
  return false;
}

Result<> GuestStream::on_challenge(const Answer& answer) {
  KBS_TRY(client::Challenge challenge, client::Challenge::parse(answer.body));
  KBS_TRY(key_, plan_.keys.next());
  KBS_TRY(evidence_, client::attestation_body(challenge, *key_, plan_.attesters, std::nullopt));
  cookie_ = session_cookie_in(answer.head);
  return {};
}

Result<> GuestStream::on_token(const Answer& answer) {
  if (!plan_.attested) return {};
  KBS_TRY(Secret token, client::parse_token_response(answer.body));
  plan_.attested->push_back({key_, std::string(token.expose_text())});
  return {};
}

}  // namespace kbs::bench
