// kbs audit verify: reads a trail as it was written, line by line, and trusts nothing in it but the
// first key.
#include <algorithm>
#include <map>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/stream_parser.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "kbs/audit/line.h"
#include "kbs/audit/line_reader.h"

namespace kbs::audit {
namespace {

struct Chain {
  ChainHead head;
  std::uint64_t last_line = 0;  ///< where its last record stands
};

struct Run {
  crypto::PublicKey key;
  std::vector<Chain> chains;
  std::uint64_t number = 0;  ///< of its next signed line
  std::string prev;          ///< hash of its last signed line
  std::int64_t part = 0;
  bool closed = false;
  std::uint64_t checkpoint_line = 0;  ///< where its last signed line stands
  std::uint64_t unsigned_records = 0;
};

Result<> bad(std::string why) { return fail(ErrorKind::invalid_request, std::move(why)); }

std::int64_t number_member(const json::object& line, std::string_view name) {
  const json::value* value = line.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : -1;
}

bool is_number(const json::object& line, std::string_view name, std::uint64_t want) {
  const std::int64_t got = number_member(line, name);
  return got >= 0 && static_cast<std::uint64_t>(got) == want;
}

std::string text_member(const json::object& line, std::string_view name) {
  return std::string(string_member(line, name).value_or(""));
}

const json::array* array_member(const json::object& line, std::string_view name) {
  const json::value* value = line.if_contains(name);
  return value ? value->if_array() : nullptr;
}

/// Whether `text` can be the beginning of a line that a failing disk cut, not a whole line that was
/// changed.
bool could_be_torn(std::string_view text, bool complete) {
  json::stream_parser parser;
  json::error_code ec;
  parser.write(text, ec);
  return !ec && !(complete && text.ends_with('}'));
}

class Verifier {
 public:
  Result<> line(std::string_view text, bool complete) {
    line_++;
    if (Result<> good = check(text, complete); !good) {
      return fail(ErrorKind::invalid_request,
                  "line " + std::to_string(line_) + ": " + good.error().message,
                  good.error().detail);
    }
    return {};
  }

  Result<std::string> finish() {
    if (!fragments_.empty() && !anyone_writing())
      return fail(ErrorKind::invalid_request, unexplained());
    if (runs_.empty())
      return fail(ErrorKind::invalid_request, "no header: this is no audit file, or it was cut");
    return summary();
  }

 private:
  Result<> check(std::string_view text, bool complete) {
    const Result<json::object> parsed = parse_json_object(text);
    if (!parsed) {
      fragments_.push_back({text.size(), line_hash(text)});
      if (first_fragment_ == 0) first_fragment_ = line_;
      end_is_damaged_ = end_is_damaged_ || !could_be_torn(text, complete);
      return {};
    }
    const std::string type = text_member(*parsed, "type");
    if (type == "header") return header(text, *parsed);
    if (type == "checkpoint") return checkpoint(text, *parsed);
    if (!fragments_.empty()) return bad(unexplained());
    if (type == "record") return record(text, *parsed);
    return bad("neither header, record nor checkpoint");
  }

  /// Torn lines at the very end are those of a server that is running or crashed.
  bool anyone_writing() const {
    if (end_is_damaged_) return false;
    return std::ranges::any_of(runs_, [](const auto& named) { return !named.second.closed; });
  }

  std::string unexplained() const {
    return "line " + std::to_string(first_fragment_) +
           " is damaged, and no signed line after it says that it was torn by a failing disk";
  }

  Result<> record(std::string_view text, const json::object& line) {
    const auto found = runs_.find(text_member(line, "run"));
    if (found == runs_.end()) return bad("a record of a run whose header is missing");
    Run& run = found->second;
    if (run.closed) return bad("a record of a run that was closed");
    const std::int64_t worker = number_member(line, "worker");
    if (worker < 0 || static_cast<std::size_t>(worker) >= run.chains.size())
      return bad("an unknown worker");
    Chain& chain = run.chains[static_cast<std::size_t>(worker)];
    const std::string before =
        chain.last_line ? "line " + std::to_string(chain.last_line) : "the header";
    if (!is_number(line, "seq", chain.head.seq)) {
      return bad("record " + std::to_string(chain.head.seq) + " of worker " +
                 std::to_string(worker) + " should follow " + before +
                 ": lines were removed, inserted or reordered");
    }
    if (text_member(line, "prev") != chain.head.prev) {
      return bad("does not continue " + before + ": one of the two was changed or replaced");
    }
    chain.head.seq++;
    chain.head.prev = line_hash(text);
    chain.last_line = line_;
    run.unsigned_records++;
    records_++;
    return {};
  }

  Result<> header(std::string_view text, const json::object& line) {
    const std::string name = text_member(line, "run");
    const json::value* jwk = line.if_contains("key");
    const std::int64_t workers = number_member(line, "workers");
    const std::int64_t part = number_member(line, "part");
    if (name.empty() || !jwk || !jwk->is_object() || workers < 1 || workers > 65'536 || part < 0) {
      return bad("a header without run, key, workers or part");
    }
    KBS_TRY(crypto::PublicKey key, crypto::PublicKey::from_jwk(jwk->get_object()));
    if (key.type() != crypto::KeyType::ed25519) return bad("a header whose key is not Ed25519");
    const auto found = runs_.find(name);
    const bool known = found != runs_.end();
    if (part == 0 && known) return bad("a second first header of one run");
    if (known && (!(found->second.key == key) || part != found->second.part + 1)) {
      return bad("a header that does not continue its run");
    }
    Run fresh{std::move(key),
              std::vector<Chain>(static_cast<std::size_t>(workers)),
              0,
              "",
              0,
              false,
              0,
              0};
    Run& run = known ? found->second : runs_.emplace(name, std::move(fresh)).first->second;
    run.part = part;
    if (!known && part > 0) KBS_OK(adopt(line, run));
    KBS_OK(signed_line(text, line, run));
    if (part > 0) return state(line, run);
    for (Chain& chain : run.chains) chain.head.prev = run.prev;
    return {};
  }

  /// A later file of a run begins where its header says; the file before it says the same at its
  /// end.
  Result<> adopt(const json::object& line, Run& run) {
    const std::int64_t number = number_member(line, "number");
    const json::array* chains = array_member(line, "chains");
    if (number < 1 || !chains || chains->size() != run.chains.size())
      return bad("an incomplete header");
    run.number = static_cast<std::uint64_t>(number);
    run.prev = text_member(line, "prev");
    for (std::size_t i = 0; i < chains->size(); ++i) {
      const json::object* stated = (*chains)[i].if_object();
      const std::int64_t seq = stated ? number_member(*stated, "seq") : -1;
      if (seq < 0) return bad("an incomplete header");
      run.chains[i].head = {static_cast<std::uint64_t>(seq), text_member(*stated, "prev")};
    }
    return {};
  }

  Result<> checkpoint(std::string_view text, const json::object& line) {
    const auto found = runs_.find(text_member(line, "run"));
    if (found == runs_.end()) return bad("a checkpoint of a run whose header is missing");
    Run& run = found->second;
    if (run.closed) return bad("a checkpoint of a run that was closed");
    KBS_OK(signed_line(text, line, run));
    KBS_OK(state(line, run));
    run.closed = string_member(line, "why") == "closed";
    lost_ = std::max(lost_, number_member(line, "lost"));
    checkpoints_++;
    return {};
  }

  /// What header and checkpoint share: the signature, their own chain, and the torn lines they
  /// answer for.
  Result<> signed_line(std::string_view text, const json::object& line, Run& run) {
    if (!verify_line(text, run.key)) return bad("the signature is wrong");
    if (!is_number(line, "number", run.number) || text_member(line, "prev") != run.prev) {
      return bad("does not continue the signed lines of its run: some were removed or reordered");
    }
    KBS_OK(torn(line));
    run.number++;
    run.prev = line_hash(text);
    run.checkpoint_line = line_;
    run.unsigned_records = 0;
    return {};
  }

  Result<> torn(const json::object& line) {
    const json::array* stated = array_member(line, "torn");
    const std::size_t count = stated ? stated->size() : 0;
    if (count > fragments_.size()) return bad("a torn line that it speaks of was removed");
    if (count < fragments_.size()) return bad(unexplained());
    for (std::size_t i = 0; i < count; ++i) {
      const json::object* fragment = (*stated)[i].if_object();
      if (!fragment || !is_number(*fragment, "bytes", fragments_[i].bytes) ||
          text_member(*fragment, "sha256") != fragments_[i].sha256) {
        return bad("a torn line that it speaks of was changed");
      }
    }
    torn_ += count;
    fragments_.clear();
    first_fragment_ = 0;
    end_is_damaged_ = false;
    return {};
  }

  /// Whether the chains stand where a signed line says.
  Result<> state(const json::object& line, const Run& run) {
    const json::array* chains = array_member(line, "chains");
    if (!chains || chains->size() != run.chains.size()) return bad("it does not state every chain");
    for (std::size_t i = 0; i < chains->size(); ++i) {
      const json::object* stated = (*chains)[i].if_object();
      const Chain& chain = run.chains[i];
      if (stated && is_number(*stated, "seq", chain.head.seq) &&
          text_member(*stated, "prev") == chain.head.prev) {
        continue;
      }
      return bad("worker " + std::to_string(i) + "'s chain is not where it was signed" +
                 (chain.last_line ? ": line " + std::to_string(chain.last_line) +
                                        " or those after it were changed"
                                  : ": its records were removed"));
    }
    return {};
  }

  std::string summary() const {
    std::size_t chains = 0;
    std::string notes;
    for (const auto& [name, run] : runs_) {
      chains += run.chains.size();
      notes += "run " + name + ": key " + run.key.thumbprint() +
               (run.closed ? ", closed" : ", not closed");
      if (run.unsigned_records > 0) {
        notes += ", " + std::to_string(run.unsigned_records) +
                 " records after the last checkpoint (line " + std::to_string(run.checkpoint_line) +
                 ") are not signed yet";
      }
      notes += '\n';
    }
    if (torn_ > 0)
      notes += std::to_string(torn_) + " torn lines, each answered for by a signed line\n";
    if (lost_ > 0) notes += std::to_string(lost_) + " decisions could not be recorded\n";
    if (!fragments_.empty())
      notes +=
          "the last line is not complete: the server is writing it or stopped in the middle of "
          "it\n";
    return std::to_string(records_) + " records, " + std::to_string(chains) + " chains, " +
           std::to_string(checkpoints_) + " checkpoints, " + std::to_string(runs_.size()) +
           " runs: good\n" + notes;
  }

  std::map<std::string, Run> runs_;
  std::vector<Fragment> fragments_;  // since the last line that could be read
  std::uint64_t first_fragment_ = 0;
  bool end_is_damaged_ = false;  // one of them is not the beginning of a line
  std::uint64_t line_ = 0, records_ = 0, checkpoints_ = 0, torn_ = 0;
  std::int64_t lost_ = 0;
};

}  // namespace

Result<std::string> verify_file(const std::string& path) {
  KBS_TRY(LineReader reader, LineReader::open(path));
  Verifier verifier;
  for (;;) {
    bool complete = false;
    KBS_TRY(const std::optional<std::string_view> line, reader.next(complete));
    if (!line) return verifier.finish();
    KBS_OK(verifier.line(*line, complete));
  }
}

}  // namespace kbs::audit
