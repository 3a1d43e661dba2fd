/* Rows of a PNG file that become pixels. */
#ifndef CONVCLI_PNG_PASS_H
#define CONVCLI_PNG_PASS_H

#include "images.h"

/* The pixels of a picture, or of one of the passes of an interlaced one; distances are in bytes. */
struct png_pass {
    struct image image;
    Py_ssize_t channels, width, row_bytes, down, across;
    char *start; /* of the first pixel of the first row */
};

/* Rows of bytes with padding: one as it is filtered, the one above it, and the one it becomes. */
struct row_buffers {
    uint8_t *memory, *filtered, *above, *raw;
};

/* Open the pixels from a column on, each `across` pixels from the one before; on failure set an exception and return
   false. The caller releases the image. */
bool png_pass_open(struct png_pass *pass, PyObject *pixels, Py_ssize_t channels, Py_ssize_t left, Py_ssize_t across);
bool row_buffers_init(struct row_buffers *buffers, const struct png_pass *pass); /* the caller frees `memory` */

/* Write rows that are given with their types, from number `first` on; return whether all types are known. The row
   above is in the buffers, and afterwards the last one. */
bool png_write_rows(const struct png_pass *pass, const uint8_t *data, Py_ssize_t first, Py_ssize_t rows,
                    struct row_buffers *buffers);

#endif
