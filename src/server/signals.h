#pragma once
/// Signals, taken by the main thread alone.

namespace kbs::server {

/// Before any thread is made: blocks the signals below in all of them, and ignores SIGPIPE.
void block_signals();
/// Waits for SIGTERM, SIGINT or SIGHUP and returns which.
int wait_for_signal();
/// No core dumps, no ptrace by others: memory holds keys.
void protect_memory();

/// Keeps freed memory for the next request instead of giving it back to the kernel after each: a 64
/// KiB answer would otherwise fault its pages in anew every time. glibc only; elsewhere nothing.
void tune_allocator();

}  // namespace kbs::server
