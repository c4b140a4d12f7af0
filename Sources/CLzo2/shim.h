#pragma once
#include <lzo/lzo1x.h>

/* lzo_init() is a macro, which Swift cannot import. */
static inline int vmcs_lzo_init(void) { return lzo_init(); }
/* LZO1X_1_MEM_COMPRESS is a computed macro. */
static inline unsigned long vmcs_lzo_work_size(void) { return LZO1X_1_MEM_COMPRESS; }
