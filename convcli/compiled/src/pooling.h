/* What one call of core.pool does, for the files that do it. */
#ifndef CONVCLI_POOLING_H
#define CONVCLI_POOLING_H

#include "images.h"
#include "pool.h"

/* A window that slides along one axis. */
struct axis {
    Py_ssize_t side, window, stride, before, outputs;
};

/* Everything that one call needs. */
struct pooling {
    struct image source, out, weights;
    struct axis rows, columns;
    Py_ssize_t channels, step; /* samples of a pixel that count, and samples from one pixel to the next */
    Py_ssize_t line_samples, read_samples; /* of a line, padding included, and of those a row of the image gives */
    Py_ssize_t most; /* pixels that a window may hold */
    int type, out_type;
    bool is_mean, slides, is_weighted;
    enum pool_sums sums;
    Py_ssize_t unit; /* bytes of what is combined: a sample, or a sum */
    char *line, *column_sums, *chosen;
    void *values, *shares; /* lines of weighted pixels, and of their weights */
    Py_ssize_t summed_first, summed_end; /* rows that column_sums holds */
};

static inline Py_ssize_t first_read(const struct axis *axis, Py_ssize_t output)
{
    Py_ssize_t start = output * axis->stride - axis->before;
    return start > 0 ? start : 0;
}

static inline Py_ssize_t end_read(const struct axis *axis, Py_ssize_t output)
{
    Py_ssize_t start = output * axis->stride - axis->before;
    return start > axis->side - axis->window ? axis->side : start + axis->window;
}

/* Check that weights fit the image, and allocate lines; on failure set an exception and return false. */
bool weights_prepare(struct pooling *task);

/* Replace what a row of windows gives by what its pixels give that have a weight. */
void weights_row(const struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out);

#endif
