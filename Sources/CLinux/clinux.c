#define _GNU_SOURCE
#include "clinux.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int64_t clinux_next_data(int file, int64_t from) {
  return lseek(file, from, SEEK_DATA);
}

void clinux_begin_writeout(int file, int64_t offset, int64_t count) {
  (void)sync_file_range(file, offset, count, SYNC_FILE_RANGE_WRITE);
}

int clinux_error_text(int code, char *text, size_t size) {
  const char *known = strerrordesc_np(code);
  if (known == NULL || size == 0) return -1;
  return snprintf(text, size, "%s", known) < 0;
}

enum { HUGE_PAGE = 2 << 20, HEAP = 16 << 20 };

/* The heap's next HEAP bytes, so far without memory, in huge pages where the kernel gives them. */
static void grow_heap_in_huge_pages(void) {
  char *start = sbrk(0);
  mallopt(M_TOP_PAD, HEAP);
  /* The heap grows when its last block is too small, and is not given back when that is freed. */
  void *block = malloc(1 << 20);
  /* For all that the compiler knows it is used: else it makes none. */
  __asm__ volatile("" : : "r"(block) : "memory");
  char *end = sbrk(0);
  free(block);
  start += -(uintptr_t)start % HUGE_PAGE;
  if (end > start) madvise(start, end - start, MADV_HUGEPAGE);
}

void clinux_allocate_from_one_arena(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  /* The others switch off that this one adapts itself. */
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  grow_heap_in_huge_pages();
  mallopt(M_TOP_PAD, 1 << 20);
}

void clinux_keep_large_blocks(void) {
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
}
