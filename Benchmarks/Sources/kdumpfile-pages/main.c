/* Reads every page that a dump holds through libkdumpfile, in order of frames, with the library's own settings, and
 * prints how many there were: the peer of `vmcs-split list`.
 *
 *     kdumpfile-pages DUMP | --version
 *
 * Exit: 0, 64 wrong usage, 66 cannot be opened, 69 libkdumpfile is not installed, 74 a page could not be read or
 * there was none.
 *
 * Types and prototypes come from the installed header. The library itself is opened at run time, under the name that
 * belongs to that header, so that the package builds where neither is installed. */
#include <stdio.h>

#if __has_include(<libkdumpfile/kdumpfile.h>)

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkdumpfile/kdumpfile.h>
#include <stdlib.h>
#include <string.h>

enum { usage = 64, no_input = 66, not_installed = 69, io_error = 74 };

static void *library;

static void *find(const char *name) {
  void *symbol = dlsym(library, name);
  if (!symbol) {
    fprintf(stderr, "kdumpfile-pages: libkdumpfile has no %s\n", name);
    exit(not_installed);
  }
  return symbol;
}

/* A function of the library under its own name, with the header's prototype. */
#define FUNCTION(name) __typeof__(&name) p_##name = (__typeof__(&name))find(#name)

static int read_all(const char *path) {
  FUNCTION(kdump_new);
  FUNCTION(kdump_free);
  FUNCTION(kdump_open_fdset);
  FUNCTION(kdump_get_attr);
  FUNCTION(kdump_get_err);
  FUNCTION(kdump_bmp_find_set);
  FUNCTION(kdump_read);

  int file = open(path, O_RDONLY | O_CLOEXEC);
  kdump_ctx_t *dump = p_kdump_new();
  if (file < 0 || !dump) {
    perror("kdumpfile-pages");
    return no_input;
  }
  kdump_attr_t pages;
  kdump_attr_t size;
  if (p_kdump_open_fdset(dump, 1, &file) != KDUMP_OK ||
      p_kdump_get_attr(dump, KDUMP_ATTR_FILE_PAGEMAP, &pages) != KDUMP_OK ||
      p_kdump_get_attr(dump, KDUMP_ATTR_PAGE_SIZE, &size) != KDUMP_OK) {
    fprintf(stderr, "kdumpfile-pages: %s\n", p_kdump_get_err(dump));
    return no_input;
  }
  if (pages.type != KDUMP_BITMAP || size.type != KDUMP_NUMBER || size.val.number == 0) {
    fprintf(stderr, "kdumpfile-pages: the dump has no page map or page size\n");
    return no_input;
  }

  size_t page_size = size.val.number;
  unsigned char *page = malloc(page_size);
  uint64_t count = 0;
  uint64_t sum = 0;
  kdump_addr_t frame = 0;
  while (page && p_kdump_bmp_find_set(pages.val.bitmap, &frame) == KDUMP_OK) {
    size_t length = page_size;
    if (p_kdump_read(dump, KDUMP_MACHPHYSADDR, frame * page_size, page, &length) != KDUMP_OK) {
      fprintf(stderr, "kdumpfile-pages: frame %" PRIu64 ": %s\n", (uint64_t)frame, p_kdump_get_err(dump));
      return io_error;
    }
    /* One byte of each page is used, so that nobody can leave the reading out. */
    sum += page[0];
    count++;
    frame++;
  }
  printf("%" PRIu64 " pages read, first bytes sum to %" PRIu64 "\n", count, sum);
  free(page);
  p_kdump_free(dump);
  return count > 0 ? 0 : io_error;
}

int main(int argc, char **argv) {
  library = dlopen("libkdumpfile.so", RTLD_NOW);
  if (!library) {
    fprintf(stderr, "kdumpfile-pages: libkdumpfile is not installed\n");
    return not_installed;
  }
  if (argc != 2) {
    fprintf(stderr, "usage: kdumpfile-pages DUMP | --version\n");
    return usage;
  }
  if (strcmp(argv[1], "--version") == 0) {
    puts("libkdumpfile " KDUMPFILE_VERSION_STRING);
    return 0;
  }
  return read_all(argv[1]);
}

#else

int main(void) {
  fprintf(stderr, "kdumpfile-pages: built where libkdumpfile's header was not installed\n");
  return 69;
}

#endif
