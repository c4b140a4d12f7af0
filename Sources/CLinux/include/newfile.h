#pragma once
/* How a new file gets its name: constants and calls that Swift's Glibc module does not import. All return -1 with errno set
   when they fail. */

/* An open file, mode 0600, that has no name in the directory's file system: open(2) with O_TMPFILE. */
int clinux_open_unnamed(int directory);
/* A descriptor of the file of a name, a link itself, which can do nothing but keep it: open(2) with O_PATH. */
int clinux_hold(int directory, const char *name);
/* linkat(2) with AT_EMPTY_PATH: gives an unnamed file a name. Kernels before 6.10 want CAP_DAC_READ_SEARCH for it. */
int clinux_link_descriptor(int file, int directory, const char *name);
/* The same through /proc/self/fd, which must be there. */
int clinux_link_by_proc(int file, int directory, const char *name);
/* renameat2(2) with RENAME_NOREPLACE inside a directory: EEXIST when the target is there. */
int clinux_rename_noreplace(int directory, const char *from, const char *to);
/* flock(2), exclusive; EWOULDBLOCK when someone else holds it. */
int clinux_lock(int file);
