#include <cerrno>
#include <system_error>

#include "storage/files.h"

namespace kbs::storage {
namespace {

struct Meaning {
  ErrorKind kind;
  const char* text;
};

/// What an errno means to the one who asked, and what would mend it.
Meaning meaning_of(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return {ErrorKind::unavailable, "the store is full"};
    case EROFS:
      return {ErrorKind::unavailable, "the store is read-only"};
    case EBUSY:
      return {ErrorKind::unavailable, "the file is a mount of its own and read-only to us"};
    case EACCES:
    case EPERM:
      return {ErrorKind::unavailable, "the server lacks permission on its store"};
    case EMFILE:
    case ENFILE:
      return {ErrorKind::unavailable, "the server has too many files open"};
    case ENOMEM:
      return {ErrorKind::unavailable, "the server is short of memory"};
    case EAGAIN:
      return {ErrorKind::unavailable, "somebody keeps rewriting the file; ask again"};
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
      return {ErrorKind::unavailable, "the store's disk or network reports an error"};
    case ENOENT:
      return {ErrorKind::unavailable, "the store's directory is missing"};
    case EEXIST:
      return {ErrorKind::conflict, "it exists already"};
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
      return {ErrorKind::conflict, "a file, directory or link put there by hand is in the way"};
    case ENAMETOOLONG:
      return {ErrorKind::invalid_request, "the name is too long for the store"};
    case EFBIG:
      return {ErrorKind::too_large, "the value is too large"};
    case ENXIO:
    case ENODEV:
      return {ErrorKind::internal, "what is stored there is not a regular file"};
    case EXDEV:
      return {ErrorKind::internal, "a symbolic link there leads out of the store"};
    case ELOOP:
      return {ErrorKind::internal, "symbolic links there lead in a circle"};
    case EBADMSG:
      return {
          ErrorKind::internal,
          "the record of its expiry is damaged; store it anew, or remove the extended attribute "
          "\"user.kbs\" of its file"};
    default:
      return {ErrorKind::internal, "the file system reports an unexpected error"};
  }
}

}  // namespace

tl::unexpected<Error> fail(const Failure& failure, const std::string& failed,
                           const std::string& subject, boost::source_location where) {
  const Meaning meaning = meaning_of(failure.error);
  std::string detail = std::string(failure.step) + ": " +
                       std::generic_category().message(failure.error) + " (errno " +
                       std::to_string(failure.error) + "), " + subject;
  return tl::unexpected(
      Error{meaning.kind, failed + ": " + meaning.text, std::move(detail), where});
}

bool is_absence(int error) noexcept {
  // A name too long for the file system cannot be a file in it.
  return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

bool is_foreign(int error) noexcept {
  return error == ENXIO || error == ENODEV || error == EXDEV || error == ELOOP || error == EISDIR;
}

}  // namespace kbs::storage
