#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

void clinux_hold_standard_descriptors(void) {
  for (int file = 0; file <= 2; file++) {
    if (fcntl(file, F_GETFD) == -1 && errno == EBADF) (void)!open("/", O_RDONLY | O_DIRECTORY);
  }
}

void clinux_no_core_file(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_CORE, &limit);
}

int clinux_terminal_width(int file) {
  struct winsize size;
  if (isatty(file) != 1) return -1;
  return ioctl(file, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
