/* core.pool with weights: transparent pixels count less in a mean, and not at all in a maximum. */
#include "methods.h"
#include "pooling.h"
#include <stdlib.h>
#include <string.h>

bool weights_prepare(struct pooling *task)
{
    const struct image *source = &task->source, *weights = &task->weights;
    const char *wrong = NULL;
    if (weights->height != source->height || weights->width != source->width || weights->channels != 1)
        wrong = "weights must have the rows and columns of source, and one channel";
    else if (weights->format != source->format || weights->format != task->out.format)
        wrong = "weights, source and out must have the same dtype";
    else if (weights->width > 1 && weights->pixel_distance != weights->itemsize)
        wrong = "the pixels of weights must be contiguous";
    else if (buffers_overlap(&weights->buffer, &task->out.buffer))
        wrong = "out overlaps weights";
    if (wrong != NULL)
        return PyErr_SetString(PyExc_ValueError, wrong), false;
    /* The line was allocated, so its size is known to be far from overflow. */
    Py_ssize_t pixels = task->line_samples / task->step;
    task->values = calloc((size_t)(task->line_samples + pixels), task->is_mean ? sizeof(uint64_t) : sizeof(uint16_t));
    if (task->values == NULL)
        return PyErr_NoMemory(), false;
    return true;
}

/* Columns of the image that the line holds. */
static Py_ssize_t columns_read(const struct pooling *task)
{
    return (task->read_samples - task->channels) / task->step + 1;
}

static void write_sample(const struct pooling *task, char *out, Py_ssize_t index, uint16_t value)
{
    if (task->out.itemsize == 1)
        ((uint8_t *)out)[index] = (uint8_t)value;
    else
        ((uint16_t *)out)[index] = value;
}

static void weighted_means(const struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out)
{
    const struct axis *columns = &task->columns;
    Py_ssize_t first = first_read(&task->rows, row), end = end_read(&task->rows, row);
    Py_ssize_t pixels = task->line_samples / task->step;
    uint64_t *products = task->values, *shares = products + task->line_samples;
    uint64_t full = task->source.itemsize == 1 ? UINT8_MAX : UINT16_MAX;
    memset(products, 0, (size_t)(task->line_samples + pixels) * sizeof(uint64_t));
    for (Py_ssize_t y = first; y < end; y++)
        loops->add_products[task->type](products + columns->before * task->step, shares + columns->before,
                                        columns_read(task), image_row(&task->source, y),
                                        image_row(&task->weights, y), task->step, task->channels);
    loops->sum_windows[SUMS_64](products, task->line_samples, task->step, columns->window);
    loops->sum_windows[SUMS_64](shares, pixels, 1, columns->window);
    for (Py_ssize_t column = 0; column < columns->outputs; column++) {
        Py_ssize_t at = column * columns->stride;
        Py_ssize_t count = (end - first) * (end_read(columns, column) - first_read(columns, column));
        if (shares[at] == 0 || shares[at] == (uint64_t)count * full)
            continue;
        for (Py_ssize_t channel = 0; channel < task->channels; channel++) {
            double mean = (double)(int64_t)products[at * task->step + channel] / (double)(int64_t)shares[at];
            mean = (mean + 6755399441055744.0) - 6755399441055744.0; /* rounds half to even */
            write_sample(task, out, column * task->channels + channel, (uint16_t)mean);
        }
    }
}

static void weighted_maxima(const struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out)
{
    const struct axis *columns = &task->columns;
    Py_ssize_t pixels = task->line_samples / task->step;
    uint16_t *best = task->values, *shares = best + task->line_samples;
    memset(best, 0, (size_t)(task->line_samples + pixels) * sizeof(uint16_t));
    for (Py_ssize_t y = first_read(&task->rows, row); y < end_read(&task->rows, row); y++)
        loops->max_visible[task->type](best + columns->before * task->step, shares + columns->before,
                                       columns_read(task), image_row(&task->source, y),
                                       image_row(&task->weights, y), task->step, task->channels);
    loops->max_windows[2](best, task->line_samples, task->step, columns->window);
    loops->max_windows[2](shares, pixels, 1, columns->window);
    for (Py_ssize_t column = 0; column < columns->outputs; column++) {
        Py_ssize_t at = column * columns->stride;
        for (Py_ssize_t channel = 0; shares[at] > 0 && channel < task->channels; channel++)
            write_sample(task, out, column * task->channels + channel, best[at * task->step + channel]);
    }
}

void weights_row(const struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out)
{
    (task->is_mean ? weighted_means : weighted_maxima)(task, loops, row, out);
}
