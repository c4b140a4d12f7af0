#include "page_codecs.h"

#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct page_codecs {
  z_stream deflate;
  z_stream inflate;
  /* NULL: zlib does it. */
  struct libdeflate_compressor *fast_deflate;
  struct libdeflate_decompressor *fast_inflate;
  ZSTD_CCtx *compress;
  ZSTD_DCtx *decompress;
  void *lzo_work;
};

page_codecs *page_codecs_new(void) {
  page_codecs *codecs = calloc(1, sizeof *codecs);
  if (!codecs) return NULL;
  codecs->compress = ZSTD_createCCtx();
  codecs->decompress = ZSTD_createDCtx();
  codecs->lzo_work = malloc(LZO1X_1_MEM_COMPRESS);
  if (lzo_init() != LZO_E_OK || !codecs->compress || !codecs->decompress || !codecs->lzo_work ||
      deflateInit(&codecs->deflate, Z_BEST_SPEED) != Z_OK || inflateInit(&codecs->inflate) != Z_OK) {
    page_codecs_free(codecs);
    return NULL;
  }
  return codecs;
}

void page_codecs_free(page_codecs *codecs) {
  if (!codecs) return;
  deflateEnd(&codecs->deflate);
  inflateEnd(&codecs->inflate);
  libdeflate_free_compressor(codecs->fast_deflate);
  libdeflate_free_decompressor(codecs->fast_inflate);
  ZSTD_freeCCtx(codecs->compress);
  ZSTD_freeDCtx(codecs->decompress);
  free(codecs->lzo_work);
  free(codecs);
}

int page_codecs_use_libdeflate(page_codecs *codecs) {
  codecs->fast_deflate = libdeflate_alloc_compressor(1);
  codecs->fast_inflate = libdeflate_alloc_decompressor();
  return codecs->fast_deflate && codecs->fast_inflate;
}

static size_t compress_zlib(page_codecs *codecs, const void *page, void *stored) {
  if (codecs->fast_deflate)
    return libdeflate_zlib_compress(codecs->fast_deflate, page, page_codec_page_size, stored, page_codec_room);
  z_stream *stream = &codecs->deflate;
  if (deflateReset(stream) != Z_OK) return 0;
  stream->next_in = (unsigned char *)page;
  stream->avail_in = page_codec_page_size;
  stream->next_out = stored;
  stream->avail_out = page_codec_room;
  return deflate(stream, Z_FINISH) == Z_STREAM_END ? page_codec_room - stream->avail_out : 0;
}

static int decompress_zlib(page_codecs *codecs, const void *stored, size_t size, void *page) {
  if (codecs->fast_inflate)
    return libdeflate_zlib_decompress(codecs->fast_inflate, stored, size, page, page_codec_page_size, NULL) ==
           LIBDEFLATE_SUCCESS;
  z_stream *stream = &codecs->inflate;
  if (inflateReset(stream) != Z_OK) return 0;
  stream->next_in = (unsigned char *)stored;
  stream->avail_in = (unsigned)size;
  stream->next_out = page;
  stream->avail_out = page_codec_page_size;
  return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_out == 0;
}

size_t page_codecs_compress(page_codecs *codecs, uint32_t codec, const void *page, void *stored, uint32_t *flag) {
  size_t size = page_codec_page_size;
  *flag = codec;
  switch (codec) {
  case page_codec_raw:
    break;
  case page_codec_zlib:
    size = compress_zlib(codecs, page, stored);
    break;
  case page_codec_lzo: {
    lzo_uint length = 0;
    size = lzo1x_1_compress(page, page_codec_page_size, stored, &length, codecs->lzo_work) == LZO_E_OK ? length : 0;
    break;
  }
  case page_codec_snappy: {
    size_t length = page_codec_room;
    size = snappy_compress(page, page_codec_page_size, stored, &length) == SNAPPY_OK ? length : 0;
    break;
  }
  case page_codec_zstd: {
    size_t length = ZSTD_compressCCtx(codecs->compress, stored, page_codec_room, page, page_codec_page_size, 1);
    size = ZSTD_isError(length) ? 0 : length;
    break;
  }
  default:
    return 0;
  }
  if (size == 0 || size < page_codec_page_size) return size;
  memcpy(stored, page, page_codec_page_size);
  *flag = page_codec_raw;
  return page_codec_page_size;
}

int page_codecs_decompress(page_codecs *codecs, uint32_t flag, const void *stored, size_t size, void *page) {
  switch (flag) {
  case page_codec_raw:
    if (size != page_codec_page_size) return 0;
    memcpy(page, stored, page_codec_page_size);
    return 1;
  case page_codec_zlib:
    return decompress_zlib(codecs, stored, size, page);
  case page_codec_lzo: {
    lzo_uint length = page_codec_page_size;
    return lzo1x_decompress_safe(stored, size, page, &length, NULL) == LZO_E_OK && length == page_codec_page_size;
  }
  case page_codec_snappy: {
    size_t length = page_codec_page_size;
    return snappy_uncompress(stored, size, page, &length) == SNAPPY_OK && length == page_codec_page_size;
  }
  case page_codec_zstd:
    return ZSTD_decompressDCtx(codecs->decompress, page, page_codec_page_size, stored, size) == page_codec_page_size;
  default:
    return 0;
  }
}
