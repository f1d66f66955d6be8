#pragma once
/// Guests as streams of requests: handshakes, fetches, and the check that what came back is right.

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/http_load.h"
#include "kbs-client/evidence.h"
#include "kbs-client/guest.h"
#include "kbs-client/guest_key.h"

namespace kbs::bench {

using GuestKeyPtr = std::shared_ptr<const client::GuestKey>;

/// Keys for guests: P-256 fresh for each, those that are slow to make from a small stock.
class GuestKeys {
 public:
  static Result<GuestKeys> make(crypto::KeyType type);
  Result<GuestKeyPtr> next();

 private:
  std::vector<GuestKeyPtr> stock_;
  std::size_t turn_ = 0;
};

/// A guest that has attested.
struct Attested {
  GuestKeyPtr key;
  std::string token;
};

/// Some of the answers, opened after the clock has stopped.
class Samples {
 public:
  /// Keeps every 200th answer, the first among them.
  void offer(const GuestKeyPtr& key, std::string_view jwe);
  /// Opens what was kept and compares it with `expected`; forgets it then.
  Result<> check(std::string_view expected);

 private:
  struct Kept {
    GuestKeyPtr key;
    std::string jwe;
  };
  std::vector<Kept> kept_;
  std::size_t offered_ = 0;
};

/// Fails unless the status is `expected`.
Result<> expect_status(const Answer& answer, int expected);

/// The same request again and again, as long as the shared `left` lasts; any answer must be 200.
class RepeatStream final : public Stream {
 public:
  RepeatStream(std::string request, std::size_t& left)
      : request_(std::move(request)), left_(left) {}
  /// A GET, whose answers are sampled.
  RepeatStream(std::string_view target, const Attested& guest, std::size_t& left, Samples& samples)
      : request_(get_request(target, guest.token)),
        left_(left),
        key_(guest.key),
        samples_(&samples) {}
  bool next(std::string& request) override;
  Result<bool> answered(const Answer& answer) override;

 private:
  std::string request_;
  std::size_t& left_;
  GuestKeyPtr key_;
  Samples* samples_ = nullptr;
};

/// GETs with the tokens in a shared queue, each used once.
class OnceStream final : public Stream {
 public:
  OnceStream(std::string target, std::deque<Attested>& guests, Samples& samples)
      : target_(std::move(target)), guests_(guests), samples_(samples) {}
  bool next(std::string& request) override;
  Result<bool> answered(const Answer& answer) override;

 private:
  std::string target_;
  std::deque<Attested>& guests_;
  Samples& samples_;
  GuestKeyPtr key_;
};

/// What the guests of a `GuestStream` share. Referents outlive the streams.
struct GuestPlan {
  GuestKeys& keys;
  const client::AttesterSet& attesters;
  std::size_t& left;       ///< guests still to come
  std::string fetch = {};  ///< if not empty: GET of this before (401) and after the handshake
  std::deque<Attested>* attested = nullptr;  ///< where tokens go
  Samples* samples = nullptr;                ///< where fetched answers go
};

/// Guests one after another: sample handshakes, or with `fetch` whole pod starts.
class GuestStream final : public Stream {
 public:
  explicit GuestStream(GuestPlan plan) : plan_(std::move(plan)) {}
  bool next(std::string& request) override;
  Result<bool> answered(const Answer& answer) override;

 private:
  enum class Step { ask, auth, attest, fetch };  ///< `ask`: the GET that is answered 401
  std::string request_of(Step step) const;
  Result<> on_challenge(const Answer& answer);
  Result<> on_token(const Answer& answer);

  GuestPlan plan_;
  const Step first_ = plan_.fetch.empty() ? Step::auth : Step::ask;
  Step step_ = first_;
  GuestKeyPtr key_;
  std::string cookie_;
  std::string evidence_;
};

}  // namespace kbs::bench
