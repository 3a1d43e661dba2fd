/* A convolution layer: what its loops need to know. Distances are in values. */
#ifndef CONVCLI_LAYER_H
#define CONVCLI_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#define LAYER_BLOCK_BYTES 64 /* filters are computed in blocks of so many bytes, the same for every instruction set */

#define LAYER_TILES 42       /* tiles that are transformed at a time: a multiple of LAYER_OUTPUTS */

enum layer_algorithm { PRODUCTS, DEPTHWISE, WINOGRAD };

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
    ptrdiff_t top, left; /* where the first window begins in the images */
};

/* The taps of a window that read pixels, not padding: rows `top` to before `bottom`, columns `left` to `right`. */
struct layer_taps {
    ptrdiff_t top, bottom, left, right;
};

/* Find the taps of a window beginning at pixel `start` of an axis that are inside it: `first` to before `end`. */
static inline void layer_taps_inside(ptrdiff_t start, ptrdiff_t side, ptrdiff_t window, ptrdiff_t dilation,
                                     ptrdiff_t *first, ptrdiff_t *end)
{
    ptrdiff_t reached = start >= side ? 0 : (side - 1 - start) / dilation + 1;
    *first = start >= 0 ? 0 : (dilation - 1 - start) / dilation;
    *end = reached < window ? reached : window;
}

/* The loops, of which each clone has its own, for float32 and float64. */
struct layer_loops {
    void (*products[2])(const struct layer *layer);
    void (*depthwise[2])(const struct layer *layer);
    void (*winograd)(const struct layer *layer, float *memory); /* for 36 LAYER_TILES (channels + block) values */
};

#endif
