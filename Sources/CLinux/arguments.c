#include "arguments.h"

#include <stddef.h>

static int count;
static char **arguments;

/* glibc hands main's arguments to what stands in .init_array, too. Swift's own list comes from /proc, which may be missing. */
__attribute__((constructor)) static void keep_arguments(int argc, char **argv, char **envp) {
  (void)envp;
  count = argc;
  arguments = argv;
}

int clinux_argument_count(void) { return count; }

const char *clinux_argument(int index) { return index >= 0 && index < count ? arguments[index] : NULL; }
