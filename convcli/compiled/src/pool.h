/* The loops of pooling, of which each clone has its own. Rows and windows hold samples, and `step` is the distance
   from a pixel to the next in samples. Tables are indexed by the position of a format in POOL_FORMATS. */
#ifndef CONVCLI_POOL_H
#define CONVCLI_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_FORMATS "BbHhIiQqfd"
enum { POOL_TYPES = 10 };
enum pool_sums { SUMS_32, SUMS_64, SUMS_FLOAT, POOL_SUMS }; /* uint32, uint64 (both wrap around), double */

struct pool_loops {
    /* Write the largest sample of each column of several rows. */
    void (*max_rows[POOL_TYPES])(void *best, ptrdiff_t count, const char *rows, ptrdiff_t distance, ptrdiff_t row_count);
    /* Replace each sample of a line by the largest of the `window` pixels that begin there; the last window - 1
       pixels are lost. */
    void (*max_windows[POOL_TYPES])(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window);
    /* Add rows to sums or subtract them; floats are never subtracted. */
    void (*add_rows[POOL_SUMS][POOL_TYPES])(void *sums, ptrdiff_t count, const char *rows, ptrdiff_t distance,
                                            ptrdiff_t row_count);
    void (*subtract_rows[POOL_SUMS][POOL_TYPES])(void *sums, ptrdiff_t count, const char *rows, ptrdiff_t distance,
                                                 ptrdiff_t row_count);
    /* Replace each sum of a line by that of the `window` pixels that begin there. */
    void (*sum_windows[POOL_SUMS])(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window);
    /* Write sums divided by how many pixels each has; integers are rounded half to even. A narrow quotient is one
       whose sum is less than 2**23. */
    void (*divide[POOL_SUMS][POOL_TYPES])(void *means, const void *sums, ptrdiff_t count, ptrdiff_t pixels);
    void (*divide_narrow[POOL_TYPES])(void *means, const void *sums, ptrdiff_t count, ptrdiff_t pixels);
    /* Pool windows of 2x2 pixels that lie beside each other, all inside the image, of two rows; NULL where there is no
       such loop. The first `channels` of the `step` samples of a pixel count. */
    void (*halve_max[POOL_TYPES])(void *out, const char *top, const char *bottom, ptrdiff_t outputs, ptrdiff_t step,
                                  ptrdiff_t channels);
    void (*halve_mean[POOL_TYPES])(void *out, const char *top, const char *bottom, ptrdiff_t outputs, ptrdiff_t step,
                                   ptrdiff_t channels);
    /* Of pixels with weights: add products with them and the weights; or write the largest samples of those that have a
       weight, and the largest weights. 8 and 16 bits without sign only. */
    void (*add_products[POOL_TYPES])(uint64_t *products, uint64_t *shares, ptrdiff_t pixels, const char *row,
                                     const char *weights, ptrdiff_t step, ptrdiff_t channels);
    void (*max_visible[POOL_TYPES])(uint16_t *best, uint16_t *shares, ptrdiff_t pixels, const char *row,
                                    const char *weights, ptrdiff_t step, ptrdiff_t channels);
    /* Copy the first `channels` samples of every pixel that is `step` samples from the one before. */
    void (*select)(void *out, const void *line, ptrdiff_t pixels, ptrdiff_t step, ptrdiff_t channels, ptrdiff_t itemsize);
};

#endif
