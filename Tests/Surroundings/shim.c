/* Preloaded: a system that does less than one hopes for. VMCS_SPLIT_SHIM names how:

     short       reads and writes take a few bytes at a time
     no-unnamed  no unnamed files (O_TMPFILE), as on NFS and vfat
     no-link     an unnamed file cannot be named by its descriptor, as without privilege before Linux 6.10
     no-lock     directories cannot be locked, as on NFS */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int is(const char *kind) {
  const char *wanted = getenv("VMCS_SPLIT_SHIM");
  return wanted != NULL && strcmp(wanted, kind) == 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static size_t some(size_t count) { return is("short") && count > 1 ? 1 + count / 3 : count; }

ssize_t pread(int file, void *bytes, size_t count, off_t at) { return REAL(pread)(file, bytes, some(count), at); }
ssize_t pread64(int file, void *bytes, size_t count, off64_t at) { return REAL(pread64)(file, bytes, some(count), at); }
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return REAL(pwrite)(file, bytes, some(count), at); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) { return REAL(pwrite64)(file, bytes, some(count), at); }
ssize_t write(int file, const void *bytes, size_t count) { return REAL(write)(file, bytes, some(count)); }

static int mode(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, int) : 0; }

int openat(int directory, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int bits = mode(flags, rest);
  va_end(rest);
  if ((flags & O_TMPFILE) == O_TMPFILE && is("no-unnamed")) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return REAL(openat)(directory, path, flags, bits);
}

int openat64(int directory, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int bits = mode(flags, rest);
  va_end(rest);
  return openat(directory, path, flags, bits);
}

int linkat(int from, const char *path, int to, const char *name, int flags) {
  if ((flags & AT_EMPTY_PATH) != 0 && is("no-link")) {
    errno = ENOENT;
    return -1;
  }
  return REAL(linkat)(from, path, to, name, flags);
}

int flock(int file, int how) {
  struct stat status;
  if (is("no-lock") && fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
    errno = EBADF;
    return -1;
  }
  return REAL(flock)(file, how);
}
