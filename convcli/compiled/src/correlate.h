/* Correlation: what core.correlate has checked, for the loops of the clones. */
#ifndef CONVCLI_CORRELATE_H
#define CONVCLI_CORRELATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_ROWS 4 /* rows of the result that are computed at a time */

enum combination { SINGLE, MAGNITUDE, STRONGEST, ABSOLUTE_SUM, ABSOLUTE_MAXIMUM };
enum mapping { MAP_VALUES, MAP_RANGE, MAP_ABS, MAP_CLIP, MAP_CENTER, MAP_STRETCH, MAP_GRAY };

/* Consecutive positions of a padded row that read consecutive pixels, or the border value (source -1). */
struct column_run {
    ptrdiff_t position, source, length;
};

/* A kernel: a matrix of taps, or a column of `height` taps and a row of `width` taps whose product it is. */
struct kernel {
    const double *taps, *column, *row;
    ptrdiff_t height, width;
};

/* Kinds of three taps: those that take no multiplication are -1, 0, 1 and 1, 2, 1. */
enum triple { DIFFERENCE, BINOMIAL, ANY_TRIPLE };

/* What becomes of the values. `scaled` says whether scale, bias and ReLU change them. */
struct rendering {
    enum mapping mapping;
    bool scaled, relu, statistics;
    int white;
    double scale, bias, lowest, extent;
};

/* What was counted on the way. */
struct tally {
    int64_t above, below, nan, finite;
    double lowest, highest, total;
};

struct correlation {
    const char *source;
    char source_format, out_format, working; /* working: h, f, d; or i, sums of int16 groups in int32 */
    ptrdiff_t row_distance, pixel_distance, samples, channels;
    const int64_t *rows;
    const struct column_run *column_runs;
    ptrdiff_t column_run_count;
    double border;
    char *out; /* NULL where only the range is asked for */
    ptrdiff_t out_row_distance, out_samples, height, width;
    const struct kernel *kernels;
    int kernel_count;
    ptrdiff_t stride_rows, stride_columns, dilation_rows, dilation_columns;
    enum combination combination;
    bool single_squares, double_magnitude, has_byte_lines; /* the last: bytes stay bytes until they are loaded */
    double largest; /* absolute value of a pixel or the border, of integers that are summed in groups */
    ptrdiff_t tile_width, block_rows;
    ptrdiff_t edge_width; /* of the tiles at the ends of a row, if those between are read in place; otherwise 0 */
    struct rendering rendering;
};

/* A matrix of taps as a pass applies it: its lines are `dilation` apart, its columns at offsets of a row. */
struct taps {
    const double *values;
    const ptrdiff_t *offsets;
    ptrdiff_t height, width, dilation;
};

static inline ptrdiff_t item_size(char format)
{
    switch (format) {
    case 'B': case 'b':
        return 1;
    case 'H': case 'h':
        return 2;
    case 'I': case 'i': case 'f':
        return 4;
    default:
        return 8;
    }
}

static inline ptrdiff_t extent_of(ptrdiff_t taps, ptrdiff_t dilation)
{
    return (taps - 1) * dilation + 1;
}

#endif
