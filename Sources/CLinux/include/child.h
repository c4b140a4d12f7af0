#pragma once
/* Children that run this very program, and locks on single bytes of a file. */
#include <stdint.h>

/* Starts this program anew with the given arguments, ended by NULL. The child has nothing to read, writes to `output` and
   `errors`, holds `held` open as its descriptor 3 (negative: nothing), is the leader of a process group of its own, is the first
   that the system ends where memory runs out, and is killed when the calling thread ends. Returns its number, or -1 with errno
   set. */
int clinux_start_child(const char *const *arguments, int output, int errors, int held);
/* pipe2(2): the end to read and the end to write, closed in children; reading does not wait. */
int clinux_pipe(int ends[2]);
/* Waits for a child's end: its status, or 256 and the number of the signal that ended it; -1 with errno set. */
int clinux_wait_for_child(int child);
/* fcntl(2): an exclusive lock of the byte at `offset`, which need not be there, of this open file and whoever inherits it. `waits`:
   0: EAGAIN where someone else holds it. */
int clinux_lock_byte(int file, int64_t offset, int waits);
int clinux_unlock_byte(int file, int64_t offset);
