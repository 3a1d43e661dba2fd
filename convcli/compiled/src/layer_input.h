/* Copies of a layer's input: with its padding for a dense layer, with each channel several times if several filters of a
   depthwise layer read it. */
#ifndef CONVCLI_LAYER_INPUT_H
#define CONVCLI_LAYER_INPUT_H

#include "layer.h"

/* Return the copy that the loops need, with distances but no values yet: that of what the windows read, `outputs` being
   the target's height and width; `bytes` is its size, 0 if the loops can read the input itself. Returns false if it
   exceeds all memory. */
bool layer_plan_copy(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm,
                     struct layer_array *copy, size_t *bytes);

/* Fill a copy, whose values are set, and let the layer read it. */
void layer_read_copy(struct layer *layer, ptrdiff_t itemsize, const struct layer_array *copy);

#endif
