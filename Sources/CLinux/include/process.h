#pragma once
/* What surrounds the process. */

/* Of descriptors 0 to 2 those that are closed are opened on something that can be neither read nor written, so that no other
   file gets their number. */
void clinux_hold_standard_descriptors(void);
/* A process that dies writes no core file: it would hold guest memory. */
void clinux_no_core_file(void);
/* The commit that the program was built from, or "unknown". */
const char *clinux_commit(void);
/* Columns of the terminal that a descriptor is; 0: it does not know, -1: it is none. */
int clinux_terminal_width(int file);
