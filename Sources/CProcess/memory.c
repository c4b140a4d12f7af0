#define _GNU_SOURCE
#include "cprocess.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clinux.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *bytes, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *needed(void *bytes, size_t size) {
  if (bytes == NULL && size > 0) clinux_end_without_memory();
  return bytes;
}

void *malloc(size_t size) { return needed(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) { return needed(__libc_calloc(count, size), count == 0 ? 0 : size); }

void *realloc(void *bytes, size_t size) { return needed(__libc_realloc(bytes, size), size); }

void *memalign(size_t alignment, size_t size) { return needed(__libc_memalign(alignment, size), size); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **bytes, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  *bytes = memalign(alignment, size);
  return 0;
}

enum { STACK = 1 << 20 };

/* The kernel grows a stack to the lowest address that is touched, however far below the last one. */
__attribute__((noinline)) static void grow_stack(void) {
  char room[STACK];
  room[0] = 0;
  /* Its address is known outside, as far as the compiler can see: else it makes the room as small as what is used. */
  __asm__ volatile("" : : "r"(room) : "memory");
}

void cprocess_settle_memory(void) {
  struct rlimit limit;
  /* Where the stack may hardly be larger it grows as it must. */
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur < 2 * STACK) return;
  /* A stack that cannot grow is a signal, a mapping that cannot be made is an error: so that is asked for first. */
  void *room = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) clinux_end_without_memory();
  munmap(room, STACK);
  grow_stack();
}
