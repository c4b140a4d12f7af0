#include "process.h"

#ifndef VMCS_SPLIT_COMMIT
#define VMCS_SPLIT_COMMIT "unknown"
#endif

const char *clinux_commit(void) { return VMCS_SPLIT_COMMIT; }
