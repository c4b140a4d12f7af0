#pragma once
/* System calls that Swift's Glibc module does not import. */
#include <stdint.h>
#include <sys/types.h>

/* copy_file_range(2): returns bytes copied, or -1 with errno set. */
ssize_t clinux_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset, size_t count);
/* renameat2(2) with RENAME_NOREPLACE: 0, or -1 with errno set (EEXIST when the target is there). */
int clinux_rename_noreplace(const char *from, const char *to);
/* lseek(2) with SEEK_DATA: the first byte at or after `from` that is not in a hole, or -1 with errno set (ENXIO: none). */
int64_t clinux_next_data(int file, int64_t from);
/* The system's text for an errno, ended by NUL, cut to size: 0, or nonzero when there is none. */
int clinux_error_text(int code, char *text, size_t size);
