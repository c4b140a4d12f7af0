#pragma once
#include <zlib.h>

/* inflateInit is a macro that passes the library version and the struct's size. */
static inline int vmcs_inflate_init(z_stream *stream) { return inflateInit(stream); }
