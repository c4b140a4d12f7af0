#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct clinux_mapping {
  char *start;
  size_t size;
  atomic_int failed;
};

/* Looked through by the handler, so its size is fixed and it changes only by atomic stores. */
enum { LIMIT = 256 };
static _Atomic(struct clinux_mapping *) mappings[LIMIT];
static struct sigaction previous;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Puts a page of zeros where the file's page is gone. mmap is not on the list of async-signal-safe functions, but it is a bare
   system call, and the signal comes from a load in our own code. */
static void on_sigbus(int number, siginfo_t *info, void *context) {
  (void)context;
  char *address = info->si_addr;
  for (int i = 0; i < LIMIT; i++) {
    struct clinux_mapping *mapping = atomic_load(&mappings[i]);
    if (mapping == NULL || address < mapping->start || address >= mapping->start + mapping->size) continue;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = address - (size_t)address % page;
    if (mmap(start, page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) break;
    atomic_store(&mapping->failed, 1);
    return;
  }
  /* Not ours: what would have happened without us happens when the instruction is tried again. */
  sigaction(number, &previous, NULL);
}

static void install(void) {
  struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGBUS, &action, &previous);
}

clinux_mapping *clinux_map(int file, size_t size) {
  pthread_once(&once, install);
  struct clinux_mapping *mapping = calloc(1, sizeof *mapping);
  if (mapping == NULL) return NULL;
  void *start = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
  if (start == MAP_FAILED) {
    free(mapping);
    return NULL;
  }
  mapping->start = start;
  mapping->size = size;
  for (int i = 0; i < LIMIT; i++) {
    struct clinux_mapping *none = NULL;
    if (atomic_compare_exchange_strong(&mappings[i], &none, mapping)) return mapping;
  }
  munmap(start, size);
  free(mapping);
  errno = ENOMEM;
  return NULL;
}

const void *clinux_mapping_bytes(const clinux_mapping *mapping) { return mapping->start; }

int clinux_mapping_failed(const clinux_mapping *mapping) { return atomic_load(&mapping->failed); }

void clinux_unmap(clinux_mapping *mapping) {
  for (int i = 0; i < LIMIT; i++) {
    struct clinux_mapping *own = mapping;
    if (atomic_compare_exchange_strong(&mappings[i], &own, NULL)) break;
  }
  munmap(mapping->start, mapping->size);
  free(mapping);
}
