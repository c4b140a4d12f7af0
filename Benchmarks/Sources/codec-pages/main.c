/* Calls the codec libraries on the pages of kdump-compressed files and does nothing else with them: what transcoding
 * costs at least, for one thread.
 *
 *     codec-pages [--zlib] none|raw|zlib|lzo|snappy|zstd DUMP...
 *
 * Every stored page is decoded; with a codec other than none it is encoded into that one too. The shared zero page is
 * left alone, as a transcoder needs to do it but once. The files are read into memory first. zlib streams go through
 * libdeflate, as vmcs-split's do; with --zlib through zlib.
 *
 * Exit: 0, 64 wrong usage, 65 no such file or a damaged one, 70 out of memory. */
#include "page_codecs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { usage = 64, damaged = 65, no_memory = 70, no_codec = 0xffff };

static const struct {
  const char *name;
  uint32_t flag;
} codecs[] = {
    {"none", no_codec},           {"raw", page_codec_raw},       {"zlib", page_codec_zlib},
    {"lzo", page_codec_lzo},      {"snappy", page_codec_snappy}, {"zstd", page_codec_zstd},
};

/* A whole file; the caller frees it. */
static unsigned char *load(const char *path, size_t *size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) {
    perror(path);
    exit(damaged);
  }
  *size = (size_t)status.st_size;
  unsigned char *bytes = malloc(*size + 1);
  if (!bytes) exit(no_memory);
  size_t done = 0;
  while (done < *size) {
    ssize_t got = read(file, bytes + done, *size - done);
    if (got <= 0) {
      perror(path);
      exit(damaged);
    }
    done += (size_t)got;
  }
  close(file);
  return bytes;
}

static uint64_t word(const unsigned char *at, size_t width) {
  uint64_t value = 0;
  memcpy(&value, at, width);
  return value;
}

static void fail(const char *path, const char *what) {
  fprintf(stderr, "codec-pages: %s: %s\n", path, what);
  exit(damaged);
}

struct totals {
  uint64_t pages;
  uint64_t stored;
  uint64_t encoded;
};

/* Header and sub-header as makedumpfile's IMPLEMENTATION has them, version 6. */
static void run(const char *path, uint32_t codec, page_codecs *libraries, struct totals *totals) {
  size_t size;
  unsigned char *file = load(path, &size);
  if (size < 8192 || memcmp(file, "KDUMP   ", 8) != 0 || word(file + 8, 4) != 6) fail(path, "no kdump of version 6");
  uint64_t sub_blocks = word(file + 432, 4);
  uint64_t bitmap_blocks = word(file + 436, 4);
  uint64_t frames = word(file + 4096 + 96, 8);
  uint64_t bitmap = (1 + sub_blocks) * 4096 + bitmap_blocks * 2048;
  uint64_t table = (1 + sub_blocks + bitmap_blocks) * 4096;
  if (table > size || frames > bitmap_blocks * 2048 * 8) fail(path, "its bitmaps do not fit");
  uint64_t count = 0;
  for (uint64_t at = bitmap; at < table; at++) count += (uint64_t)__builtin_popcount(file[at]);
  if (count > (size - table) / 24) fail(path, "its descriptors do not fit");

  unsigned char page[page_codec_page_size];
  unsigned char encoded[page_codec_room];
  uint64_t zero = count ? table + 24 * count : 0;
  for (uint64_t index = 0; index < count; index++) {
    const unsigned char *descriptor = file + table + 24 * index;
    uint64_t offset = word(descriptor, 8);
    uint64_t length = word(descriptor + 8, 4);
    uint32_t flag = (uint32_t)word(descriptor + 12, 4);
    if (offset > size || length > size - offset || length > page_codec_page_size) fail(path, "a page does not fit");
    /* Writers put the zero page first, raw. */
    if (offset == zero && flag == page_codec_raw && file[zero] == 0 &&
        memcmp(file + zero, file + zero + 1, page_codec_page_size - 1) == 0)
      continue;
    if (!page_codecs_decompress(libraries, flag, file + offset, length, page)) fail(path, "a page does not decode");
    totals->pages++;
    totals->stored += length;
    if (codec == no_codec) continue;
    size_t got = page_codecs_compress(libraries, codec, page, encoded, &flag);
    if (got == 0) fail(path, "a page does not encode");
    totals->encoded += got;
  }
  free(file);
}

int main(int argc, char **argv) {
  int by_zlib = argc > 1 && strcmp(argv[1], "--zlib") == 0;
  argc -= by_zlib;
  argv += by_zlib;
  size_t choice = 0;
  size_t choices = sizeof codecs / sizeof *codecs;
  while (argc >= 3 && choice < choices && strcmp(argv[1], codecs[choice].name) != 0) choice++;
  if (argc < 3 || choice == choices) {
    fprintf(stderr, "usage: codec-pages [--zlib] none|raw|zlib|lzo|snappy|zstd DUMP...\n");
    return usage;
  }
  page_codecs *libraries = page_codecs_new();
  if (!libraries || (!by_zlib && !page_codecs_use_libdeflate(libraries))) return no_memory;
  struct totals totals = {0};
  for (int index = 2; index < argc; index++) run(argv[index], codecs[choice].flag, libraries, &totals);
  page_codecs_free(libraries);
  printf("%" PRIu64 " pages of %" PRIu64 " bytes decoded, encoded into %" PRIu64 " bytes\n", totals.pages,
         totals.stored, totals.encoded);
  return 0;
}
