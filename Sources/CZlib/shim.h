#pragma once
#include <zlib.h>

/* inflateInit and deflateInit are macros that pass the library version and the struct's size. */
static inline int vmcs_inflate_init(z_stream *stream) { return inflateInit(stream); }
static inline int vmcs_deflate_init(z_stream *stream, int level) { return deflateInit(stream, level); }
