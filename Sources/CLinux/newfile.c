#define _GNU_SOURCE
#include "newfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int clinux_open_unnamed(int directory) { return openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }

int clinux_hold(int directory, const char *name) { return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

int clinux_link_descriptor(int file, int directory, const char *name) {
  return linkat(file, "", directory, name, AT_EMPTY_PATH);
}

int clinux_link_by_proc(int file, int directory, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

int clinux_rename_noreplace(int directory, const char *from, const char *to) {
  return renameat2(directory, from, directory, to, RENAME_NOREPLACE);
}

int clinux_lock(int file) { return flock(file, LOCK_EX | LOCK_NB); }
