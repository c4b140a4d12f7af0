#define _GNU_SOURCE
#include "clinux.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int clinux_rename_noreplace(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int64_t clinux_next_data(int file, int64_t from) {
  return lseek(file, from, SEEK_DATA);
}

int clinux_error_text(int code, char *text, size_t size) {
  const char *known = strerrordesc_np(code);
  if (known == NULL || size == 0) return -1;
  return snprintf(text, size, "%s", known) < 0;
}
