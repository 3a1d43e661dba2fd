/* core.pool: maxima and means of windows. */
#include "clones.h"
#include "methods.h"
#include "pooling.h"
#include <stdlib.h>
#include <string.h>

static const char formats[] = POOL_FORMATS;
static const int value_bits[POOL_TYPES] = {8, 7, 16, 15, 32, 31, 64, 63}; /* no value exceeds 2**bits; 0: floats */
static const Py_ssize_t sum_bytes[POOL_SUMS] = {4, 8, 8};

static Py_ssize_t smaller(Py_ssize_t a, Py_ssize_t b)
{
    return a < b ? a : b;
}

/* Check that every window holds a pixel, and cut off what has no effect, so that sums of these numbers are small. */
static bool axis_check(struct axis *axis, const char *name)
{
    const char *wrong = NULL;
    if (axis->window < 1 || axis->stride < 1 || axis->before < 0)
        wrong = "window and stride must be at least 1, and padding at least 0";
    else if (axis->before >= axis->window)
        wrong = "the first window holds only padding";
    else if (axis->before > PTRDIFF_MAX / 16 || axis->side > PTRDIFF_MAX / 16)
        wrong = "the image or its padding is too large";
    else if (axis->outputs - 1 > (axis->side + axis->before - 1) / axis->stride)
        wrong = "the last window begins beyond the image";
    if (wrong != NULL) {
        PyErr_Format(PyExc_ValueError, "%s: %s", name, wrong);
        return false;
    }
    axis->window = smaller(axis->window, axis->side + axis->before);
    Py_ssize_t surplus = axis->before - (axis->outputs - 1) * axis->stride; /* padding that every window holds */
    if (surplus > 0)
        axis->before -= surplus, axis->window -= surplus;
    axis->stride = axis->outputs == 1 ? 1 : axis->stride;
    return true;
}

/* Check that the images fit the task, and work out how it is done. */
static bool prepare(struct pooling *task)
{
    const struct image *source = &task->source, *out = &task->out;
    task->type = (int)(strchr(formats, source->format) - formats);
    task->out_type = (int)(strchr(formats, out->format) - formats);
    task->channels = source->channels;
    if (source->channels != out->channels)
        return PyErr_SetString(PyExc_ValueError, "out must have as many channels as source"), false;
    if (source->width > 1 && source->pixel_distance < source->channels * source->itemsize)
        return PyErr_SetString(PyExc_ValueError, "the pixels of source must lie behind each other"), false;
    if (out->width > 1 && out->pixel_distance != out->channels * out->itemsize)
        return PyErr_SetString(PyExc_ValueError, "the pixels of out must be contiguous"), false;
    if (task->type != task->out_type && !(task->is_mean && value_bits[task->type] && out->format == 'd'))
        return PyErr_SetString(PyExc_ValueError, "out has a dtype that does not fit source"), false;
    if (buffers_overlap(&source->buffer, &out->buffer))
        return PyErr_SetString(PyExc_ValueError, "out overlaps source"), false;
    task->rows.side = source->height, task->rows.outputs = out->height;
    task->columns.side = source->width, task->columns.outputs = out->width;
    if (!axis_check(&task->rows, "rows") || !axis_check(&task->columns, "columns"))
        return false;

    int bits = value_bits[task->type];
    Py_ssize_t down = smaller(task->rows.window, source->height);
    Py_ssize_t across = smaller(task->columns.window, source->width);
    task->most = down > PTRDIFF_MAX / across ? PTRDIFF_MAX : down * across;
    task->sums = bits == 0 ? SUMS_FLOAT : bits <= 16 && task->most <= INT32_MAX >> bits ? SUMS_32 : SUMS_64;
    task->slides = task->is_mean && task->sums != SUMS_FLOAT && task->rows.window > 2 * task->rows.stride;
    task->unit = task->is_mean ? sum_bytes[task->sums] : source->itemsize;
    task->step = source->width > 1 ? source->pixel_distance / source->itemsize : task->channels;
    return true;
}

/* Allocate the line, the sums of columns and the sums of windows of one row. */
static bool allocate(struct pooling *task)
{
    const struct axis *columns = &task->columns;
    Py_ssize_t pixels = (columns->outputs - 1) * columns->stride + columns->window;
    if (pixels > PTRDIFF_MAX / 64 / task->step)
        return PyErr_NoMemory(), false;
    task->line_samples = pixels * task->step;
    task->read_samples = (smaller(columns->side, pixels - columns->before) - 1) * task->step + task->channels;
    Py_ssize_t chosen = task->is_mean ? columns->outputs * task->channels : 0;
    Py_ssize_t summed = task->slides ? task->read_samples : 0;
    task->line = calloc((size_t)(task->line_samples + summed + chosen), (size_t)task->unit);
    if (task->line == NULL)
        return PyErr_NoMemory(), false;
    task->column_sums = task->line + task->line_samples * task->unit;
    task->chosen = task->column_sums + summed * task->unit;
    return true;
}

/* Fill a part of the line with what changes no sum; 0.0 would make a sum of -0.0 positive. */
static void fill_zeros(const struct pooling *task, Py_ssize_t first, Py_ssize_t end)
{
    if (task->sums != SUMS_FLOAT)
        memset(task->line + first * task->unit, 0, (size_t)((end - first) * task->unit));
    else
        for (double *zero = (double *)task->line + first; zero < (double *)task->line + end; zero++)
            *zero = -0.0;
}

/* Fill the padding of a line of maxima with the pixels at its ends, which all windows that reach over them hold. */
static void repeat_ends(const struct pooling *task)
{
    Py_ssize_t pixel = task->step * task->unit, counted = task->channels * task->unit;
    char *first = task->line + task->columns.before * pixel;
    char *last = first + (task->read_samples - task->channels) * task->unit;
    for (char *to = task->line; to < first; to += pixel)
        memcpy(to, first, (size_t)counted);
    for (char *to = last + pixel; to < task->line + task->line_samples * task->unit; to += pixel)
        memcpy(to, last, (size_t)counted);
}

static void max_row(const struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out)
{
    Py_ssize_t first = first_read(&task->rows, row), end = end_read(&task->rows, row);
    char *start = task->line + task->columns.before * task->step * task->unit;
    loops->max_rows[task->type](start, task->read_samples, image_row(&task->source, first),
                                task->source.row_distance, end - first);
    repeat_ends(task);
    loops->max_windows[task->type](task->line, task->line_samples, task->step, task->columns.window);
    loops->select(out, task->line, task->columns.outputs, task->step * task->columns.stride, task->channels,
                  task->unit);
}

/* Write the sums of the columns of a row of windows into the line. */
static void sum_columns(struct pooling *task, const struct pool_loops *loops, Py_ssize_t row)
{
    const struct image *source = &task->source;
    Py_ssize_t first = first_read(&task->rows, row), end = end_read(&task->rows, row);
    Py_ssize_t padding = task->columns.before * task->step;
    char *start = task->line + padding * task->unit;
    fill_zeros(task, 0, task->line_samples);
    if (!task->slides) {
        loops->add_rows[task->sums][task->type](start, task->read_samples, image_row(source, first),
                                                source->row_distance, end - first);
        return;
    }
    if (first >= task->summed_end || first - task->summed_first >= end - first) {
        memset(task->column_sums, 0, (size_t)(task->read_samples * task->unit));
        task->summed_first = task->summed_end = first;
    }
    loops->subtract_rows[task->sums][task->type](task->column_sums, task->read_samples,
                                                 image_row(source, task->summed_first), source->row_distance,
                                                 first - task->summed_first);
    loops->add_rows[task->sums][task->type](task->column_sums, task->read_samples,
                                            image_row(source, task->summed_end), source->row_distance,
                                            end - task->summed_end);
    task->summed_first = first, task->summed_end = end;
    memcpy(start, task->column_sums, (size_t)(task->read_samples * task->unit));
}

static void mean_row(struct pooling *task, const struct pool_loops *loops, Py_ssize_t row, char *out)
{
    const struct axis *columns = &task->columns;
    Py_ssize_t rows = end_read(&task->rows, row) - first_read(&task->rows, row);
    int bits = value_bits[task->type];
    bool is_narrow = bits && bits <= 16 && task->most <= (1 << 23) >> bits && task->out_type == task->type;
    sum_columns(task, loops, row);
    loops->sum_windows[task->sums](task->line, task->line_samples, task->step, columns->window);
    loops->select(task->chosen, task->line, columns->outputs, task->step * columns->stride, task->channels,
                  task->unit);
    /* From the first window without padding to the last, all hold the same number of pixels. */
    Py_ssize_t full_first = (columns->before + columns->stride - 1) / columns->stride;
    Py_ssize_t full_end = (columns->side + columns->before - columns->window) / columns->stride + 1;
    full_end = smaller(full_end, columns->outputs);
    for (Py_ssize_t column = 0, count; column < columns->outputs; column += count) {
        Py_ssize_t pixels = rows * (end_read(columns, column) - first_read(columns, column));
        count = column == full_first && full_end > column ? full_end - column : 1;
        const char *sums = task->chosen + column * task->channels * task->unit;
        char *means = out + column * task->channels * task->out.itemsize;
        if (is_narrow)
            loops->divide_narrow[task->type](means, sums, count * task->channels, pixels);
        else
            loops->divide[task->sums][task->out_type](means, sums, count * task->channels, pixels);
    }
}

static bool are_halves(const struct pooling *task)
{
    const struct axis *rows = &task->rows, *columns = &task->columns;
    return rows->window == 2 && rows->stride == 2 && columns->window == 2 && columns->stride == 2
        && columns->before == 0 && 2 * columns->outputs <= columns->side && task->step <= 32
        && task->type == task->out_type;
}

static void pool_rows(struct pooling *task, const struct pool_loops *loops, Py_ssize_t start, Py_ssize_t stop)
{
    void (*halve)(void *, const char *, const char *, ptrdiff_t, ptrdiff_t, ptrdiff_t) = NULL;
    if (are_halves(task))
        halve = task->is_mean ? loops->halve_mean[task->type] : loops->halve_max[task->type];
    for (Py_ssize_t row = start; row < stop; row++) {
        char *out = (char *)image_row(&task->out, row);
        Py_ssize_t first = first_read(&task->rows, row), end = end_read(&task->rows, row);
        if (halve != NULL && end - first == 2)
            halve(out, image_row(&task->source, first), image_row(&task->source, first + 1),
                  task->columns.outputs, task->step, task->channels);
        else if (task->is_mean)
            mean_row(task, loops, row, out);
        else
            max_row(task, loops, row, out);
        if (task->is_weighted)
            weights_row(task, loops, row, out);
    }
}

static bool pool(struct pooling *task, Py_ssize_t start, Py_ssize_t stop)
{
    if (!prepare(task))
        return false;
    stop = stop < 0 ? task->rows.outputs : stop;
    if (start < 0 || start > stop || stop > task->rows.outputs)
        return PyErr_SetString(PyExc_ValueError, "start and stop must be rows of out"), false;
    if (!allocate(task))
        return false;
    if (task->is_weighted && !weights_prepare(task)) {
        free(task->line);
        return false;
    }
    const struct pool_loops *loops = active_clone->pool;
    Py_BEGIN_ALLOW_THREADS
    pool_rows(task, loops, start, stop);
    Py_END_ALLOW_THREADS
    free(task->line);
    free(task->values);
    return true;
}

PyObject *core_pool(PyObject *module, PyObject *arguments, PyObject *names)
{
    (void)module;
    static char *keywords[] = {"source", "out", "mode", "rows", "columns", "start", "stop", "weights",
                               NULL};
    struct pooling task = {0};
    PyObject *source, *out, *weights = Py_None;
    const char *mode = "none";
    Py_ssize_t start = 0, stop = -1;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "OO|$s(nnn)(nnn)nnO:pool", keywords, &source, &out, &mode,
                                     &task.rows.window, &task.rows.stride, &task.rows.before, &task.columns.window,
                                     &task.columns.stride, &task.columns.before, &start, &stop, &weights))
        return NULL;
    task.is_mean = strcmp(mode, "avg") == 0;
    if (!task.is_mean && strcmp(mode, "max") != 0)
        return PyErr_Format(PyExc_ValueError, "no mode %s: max or avg", mode);
    if (!image_acquire(&task.source, source, "source", formats, false))
        return NULL;
    if (!image_acquire(&task.out, out, "out", formats, true)) {
        image_release(&task.source);
        return NULL;
    }
    task.is_weighted = weights != Py_None;
    bool is_done = !task.is_weighted || image_acquire(&task.weights, weights, "weights", "BH", false);
    if (is_done) {
        is_done = pool(&task, start, stop);
        if (task.is_weighted)
            image_release(&task.weights);
    }
    image_release(&task.source);
    image_release(&task.out);
    if (!is_done)
        return NULL;
    Py_RETURN_NONE;
}
