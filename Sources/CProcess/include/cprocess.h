#pragma once
/* The program's own memory: malloc and its kin end the process with one line and status 74 where there is none, in place of the
   NULL that Swift's runtime would trap on. Linked into the program alone. */

/* Has the main thread's stack grow now, so that it need not later. */
void cprocess_settle_memory(void);
