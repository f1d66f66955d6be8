#include "storage/mounts/listing.h"

#include <algorithm>

#include "storage/mounts/cursor.h"
#include "storage/mounts/guarded.h"

namespace kbs::storage {
namespace {

/// What one mount has to say, a page at a time.
struct Stream {
  const Mount* mount = nullptr;
  std::string prefix;  ///< all its entries begin so
  std::string cursor;  ///< of the page in hand, or else of the next one
  bool begun = false;
  bool done = false;
  std::vector<Entry> entries;  ///< of the page in hand, what is still to be given
  std::size_t next = 0;
  std::string cursor_behind;  ///< of the page behind it

  bool in_hand() const { return next < entries.size(); }
  /// No entry to come is before this.
  std::string_view bound() const {
    if (in_hand()) return entries[next].path;
    return begun ? std::string_view() : prefix;
  }
};

class Merge {
 public:
  Merge(const Routes& routes, ListOptions options)
      : routes_(routes), options_(std::move(options)) {}

  awaitable<Result<Page>> run() {
    KBS_CO_OK(check(options_));
    KBS_CO_OK(open());
    Page page;
    while (page.entries.size() < options_.limit) {
      Stream* stream = first();
      if (stream == nullptr) break;
      if (stream->in_hand()) {
        give(*stream, page);
      } else {
        KBS_CO_OK(co_await fetch(*stream));
      }
    }
    if (first() != nullptr) page.next = cursor();
    co_return page;
  }

 private:
  Result<> open();
  Result<> resume();
  Stream* first();
  void give(Stream& stream, Page& page);
  awaitable<Result<>> fetch(Stream& stream);
  bool is_past(const Stream& stream) const;
  std::string cursor() const;

  const Routes& routes_;
  const ListOptions options_;
  std::vector<Stream> streams_;
  std::string last_;  ///< the last path given, by this page or those before
};

Result<> Merge::open() {
  const std::vector<const Mount*> mounts = routes_.below(options_.prefix);
  for (const Mount* mount : mounts) {
    if (!mount->backend->capabilities().list) continue;
    Stream stream;
    stream.mount = mount;
    const std::string of_mount = mount->options.prefix.empty() ? "" : mount->options.prefix + '/';
    stream.prefix = of_mount.starts_with(options_.prefix) ? of_mount : options_.prefix;
    streams_.push_back(std::move(stream));
  }
  if (streams_.empty() && !mounts.empty()) {
    return fail(ErrorKind::unsupported,
                "mount \"" + mounts.front()->options.name + "\" cannot list resources");
  }
  return options_.cursor.empty() ? Result<>() : resume();
}

Result<> Merge::resume() {
  KBS_TRY(MergedCursor cursor, parse_cursor(options_.cursor));
  last_ = std::move(cursor.last);
  for (Stream& stream : streams_) {
    const auto part = std::find_if(cursor.parts.begin(), cursor.parts.end(), [&](const auto& p) {
      return p.mount == stream.mount->options.name;
    });
    if (part != cursor.parts.end()) {
      stream.done = part->done;
      stream.begun = true;
      stream.cursor = part->cursor;
    } else {
      stream.done = is_past(stream);
    }
  }
  return {};
}

/// Whether all that the stream can have comes before the last path given.
bool Merge::is_past(const Stream& stream) const {
  return last_ > stream.prefix && !last_.starts_with(stream.prefix);
}

/// The stream whose turn it is: to give its next entry or, when that is not known, to be read.
Stream* Merge::first() {
  Stream* best = nullptr;
  for (Stream& stream : streams_) {
    if (stream.done) continue;
    const bool sooner = best == nullptr || stream.bound() < best->bound() ||
                        (stream.bound() == best->bound() && !stream.in_hand());
    if (sooner) best = &stream;
  }
  return best;
}

void Merge::give(Stream& stream, Page& page) {
  page.entries.push_back(std::move(stream.entries[stream.next++]));
  last_ = page.entries.back().path;
  if (stream.in_hand()) return;
  stream.entries.clear();
  stream.next = 0;
  stream.cursor = std::move(stream.cursor_behind);
  stream.done = stream.cursor.empty();
}

awaitable<Result<>> Merge::fetch(Stream& stream) {
  ListOptions ask{stream.prefix, options_.limit, stream.cursor};
  auto page = co_await stream.mount->backend->list(std::move(ask));
  if (!page) {
    name_mount(page.error(), stream.mount->options.name);
    co_return tl::unexpected(std::move(page).error());
  }
  stream.begun = true;
  const auto is_foreign = [&](const Entry& entry) {
    return entry.path <= last_ || !entry.path.starts_with(stream.prefix) ||
           routes_.find_path(entry.path) != stream.mount;
  };
  std::erase_if(page->entries, is_foreign);
  if (!page->entries.empty()) {
    stream.entries = std::move(page->entries);
    stream.cursor_behind = std::move(page->next);
    co_return Result<>();
  }
  if (!page->next.empty() && page->next == stream.cursor) {
    co_return fail(ErrorKind::internal, "the listing of mount \"" + stream.mount->options.name +
                                            "\" does not come forward");
  }
  stream.cursor = std::move(page->next);
  stream.done = stream.cursor.empty();
  co_return Result<>();
}

std::string Merge::cursor() const {
  MergedCursor all;
  all.last = last_;
  for (const Stream& stream : streams_) {
    // A first page is found again without a cursor; what it gave already is skipped.
    const bool in_progress = stream.begun && !stream.cursor.empty();
    if (is_past(stream) || (!stream.done && !in_progress)) continue;
    all.parts.push_back({stream.mount->options.name, stream.done, stream.cursor});
  }
  return to_text(all);
}

}  // namespace

awaitable<Result<Page>> list_merged(const Routes& routes, ListOptions options) {
  Merge merge(routes, std::move(options));
  co_return co_await merge.run();
}

}  // namespace kbs::storage
