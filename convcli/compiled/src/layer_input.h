/* Copies of a layer's input: with its padding for a dense layer, with each channel several times if several filters of a
   depthwise layer read it. */
#ifndef CONVCLI_LAYER_INPUT_H
#define CONVCLI_LAYER_INPUT_H

#include "layer.h"

/* Whether the loops cannot read the input itself. */
bool layer_needs_copy(const struct layer *layer, enum layer_algorithm algorithm);

/* Work out the size of the copy; returns false if it exceeds all memory. */
bool layer_copy_bytes(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, size_t *bytes);

/* How many rows of outputs, at least 4, read so little that their copy takes about `most` bytes. */
ptrdiff_t layer_rows_at_once(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, size_t most);

/* A part of a layer: some images, and of each up to `rows` rows of outputs. */
struct layer layer_part(const struct layer *layer, ptrdiff_t itemsize, ptrdiff_t image, ptrdiff_t images, ptrdiff_t row,
                        ptrdiff_t rows);

/* Copy the input into memory of that size, and let the layer read it. */
void layer_read_copy(struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, char *memory);

#endif
