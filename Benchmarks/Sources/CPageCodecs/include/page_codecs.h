/* The codecs of kdump-compressed pages, one page at a time, through the libraries themselves. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { page_codec_page_size = 4096, page_codec_room = 8192 };

/* Flags of a page descriptor (makedumpfile, diskdump_mod.h). */
enum {
  page_codec_raw = 0,
  page_codec_zlib = 1,
  page_codec_lzo = 2,
  page_codec_snappy = 4,
  page_codec_zstd = 32,
};

/* The contexts that the libraries keep between pages; for one thread at a time. */
typedef struct page_codecs page_codecs;

/* NULL when a library cannot start. */
page_codecs *page_codecs_new(void);
void page_codecs_free(page_codecs *codecs);
/* From now on zlib streams go through libdeflate, as vmcs-split's do, both ways. 0 when it cannot start. */
int page_codecs_use_libdeflate(page_codecs *codecs);

/* Compresses a page into `stored`, which has page_codec_room bytes, as makedumpfile does: level 1, raw LZO1X-1, and
 * the raw page where that does not make it smaller. Returns the bytes stored and sets `flag` to what they are; 0 when
 * the library fails. */
size_t page_codecs_compress(page_codecs *codecs, uint32_t codec, const void *page, void *stored, uint32_t *flag);

/* Decodes a stored page. 1 when it gives exactly one page, else 0. */
int page_codecs_decompress(page_codecs *codecs, uint32_t flag, const void *stored, size_t size, void *page);
