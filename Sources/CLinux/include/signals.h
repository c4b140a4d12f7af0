#pragma once
/* Wishes to stop that arrive as signals, noted by sigaction(2): that works also where no thread can be made. */
#include <stddef.h>

/* From now on the signals that ask a process to end are noted; one that was ignored stays so. The second that comes ends the
   process at once with 128 and its number, after it removed the hidden files. A pipe without a reader and a file beyond the
   limit are errors of write(2), no signals. Call it once, before there are threads. */
void clinux_note_signals(void);
/* The signal that was noted first; 0: none. */
int clinux_noted_signal(void);

/* The line that says why the process ends is about to be written: a second signal need not say it. */
void clinux_why_is_said(void);
/* Ends the process at once, status 74, with a line that says that there is no memory, after it removed the hidden files. */
_Noreturn void clinux_end_without_memory(void);

/* A hidden file's name, ended by NUL: of this process and this number, 1 and up. */
enum { CLINUX_HIDDEN_NAME_SIZE = 64 };
void clinux_hidden_name(unsigned serial, char name[CLINUX_HIDDEN_NAME_SIZE]);
/* Whether a name is one that clinux_hidden_name makes, of whatever process. */
int clinux_is_hidden_name(const char *name);
/* The files by the names 1 to `count` in an open directory are removed when a second signal ends the process; a negative
   directory: none are. */
void clinux_remove_hidden_at_end(int directory, unsigned count);
