#pragma once
#include <zlib.h>

/* inflateInit is a macro that passes the library version and the struct's size. */
static inline int vmcs_inflate_init(z_stream *stream) { return inflateInit(stream); }

/* The same for gzip's wrapper: 16 is added to the window's bits. */
static inline int vmcs_gunzip_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
