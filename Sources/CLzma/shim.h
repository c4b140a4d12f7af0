#pragma once
#include <lzma.h>

/* Flags and limits are macros. Streams one behind the other are one, and padding between them is skipped. */
static inline lzma_ret vmcs_xz_init(lzma_stream *stream, uint64_t memory) {
  return lzma_stream_decoder(stream, memory, LZMA_CONCATENATED);
}
