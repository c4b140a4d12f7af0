#pragma once
/* The arguments of the process as the system gave them, the program's name first. */

int clinux_argument_count(void);
/* Ended by NUL, and there as long as the process; NULL beyond the last. */
const char *clinux_argument(int index);
