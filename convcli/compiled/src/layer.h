/* A convolution layer: what its loops need to know. Distances are in values. */
#ifndef CONVCLI_LAYER_H
#define CONVCLI_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#define LAYER_BLOCK_BYTES 64 /* filters are computed in blocks of so many bytes, the same for every instruction set */

struct layer_array {
    void *values;
    ptrdiff_t images, height, width, channels;
    ptrdiff_t image_distance, row_distance, pixel_distance;
};

struct layer {
    struct layer_array input, target;
    const void *weights;
    ptrdiff_t window_height, window_width;
    ptrdiff_t stride_down, stride_across, dilation_down, dilation_across;
    ptrdiff_t top, left; /* where the first window begins in the images, before their padding is added */
};

/* The loops, of which each clone has its own, for float32 and float64. */
struct layer_loops {
    void (*products[2])(const struct layer *layer);
    void (*depthwise[2])(const struct layer *layer);
};

#endif
