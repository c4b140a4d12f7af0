#pragma once
#include "arguments.h"
#include "child.h"
#include "newfile.h"
#include "process.h"
#include "signals.h"

/* System calls that Swift's Glibc module does not import. */
#include <stdint.h>
#include <sys/types.h>

/* lseek(2) with SEEK_DATA: the first byte at or after `from` that is not in a hole, or -1 with errno set (ENXIO: none). */
int64_t clinux_next_data(int file, int64_t from);
/* sync_file_range(2) with SYNC_FILE_RANGE_WRITE: the kernel begins to write a range of an open file to the disk; a count
   of 0 goes to its end. A hint: what cannot be done so is left to fsync. */
void clinux_begin_writeout(int file, int64_t offset, int64_t count);
/* The system's text for an errno, ended by NUL, cut to size: 0, or nonzero when there is none. */
int clinux_error_text(int code, char *text, size_t size);

/* A read-only mapping of a file that may shrink under us. Touching a page that is no longer there gives zeros and raises the
   mapping's flag, where the kernel would end the process with SIGBUS. */
typedef struct clinux_mapping clinux_mapping;
/* Maps `size` bytes (at least 1) of an open file; NULL with errno set when it cannot be mapped. */
clinux_mapping *clinux_map(int file, size_t size);
const void *clinux_mapping_bytes(const clinux_mapping *mapping);
/* Whether a page of the mapping was found missing since it was made. */
int clinux_mapping_failed(const clinux_mapping *mapping);
void clinux_unmap(clinux_mapping *mapping);
/* Begins to load the cache line at an address that will be read soon; an address that is not mapped does no harm. */
static inline void clinux_prefetch(const void *address) { __builtin_prefetch(address); }

/* For a process that allocates pages on several threads and ends soon: one arena that grows in large steps and is never given
   back. By default each thread has an arena of its own, which grows by a system call for every page. Call it before there are
   threads. */
void clinux_allocate_from_one_arena(void);
/* malloc keeps freed blocks of up to 32 MiB for the next who asks; by default each of some MiB is mapped anew, and all its
   pages are faulted in and cleared again. Call it before there are threads. */
void clinux_keep_large_blocks(void);
