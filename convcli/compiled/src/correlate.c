/* core.correlate: its arguments, checked and copied. */
#include "methods.h"
#include "clones.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KERNELS 64
#define MAX_TAPS (1 << 20)
#define TILE_BYTES (1 << 17) /* of the rows that a block reads: they stay in the cache */
#define MIN_TILE 128 /* pixels */
#define MIN_EDGE 64
#define MAX_BYTES 1e13

#define MAX_BUFFERS (2 + 2 * MAX_KERNELS)

/* What is copied from the arguments, the images, and where the copied buffers are. */
struct arguments {
    struct { uintptr_t start, end; } copied[MAX_BUFFERS];
    int copied_count;
    struct image source, out;
    bool has_source, has_out;
    int64_t *rows;
    struct column_run *column_runs;
    double *taps[MAX_KERNELS];
    struct kernel kernels[MAX_KERNELS];
    Py_ssize_t padded_rows, padded_columns;
};

static void release(struct arguments *given)
{
    if (given->has_source)
        image_release(&given->source);
    if (given->has_out)
        image_release(&given->out);
    free(given->rows);
    free(given->column_runs);
    for (int n = 0; n < MAX_KERNELS; n++)
        free(given->taps[n]);
}

/* Copy a contiguous buffer of `axes` axes and one format, of at most `most` items. */
static void *copy_buffer(struct arguments *given, PyObject *object, const char *name, char format, int axes, Py_ssize_t most,
                         Py_ssize_t *shape)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(object, &buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return NULL;
    void *copy = NULL;
    const char *code = buffer.format == NULL ? "B" : buffer.format;
    bool fits = code[0] == format || (format == 'q' && code[0] == 'l' && buffer.itemsize == 8);
    if (buffer.ndim != axes || !fits || code[1] != '\0' || buffer.itemsize != 8)
        refuse("%s must have %d axes and the format %c", name, axes, (int)format);
    else if (buffer.len == 0 || buffer.len / 8 > most)
        refuse("%s is empty or too large", name);
    else if ((copy = malloc((size_t)buffer.len)) == NULL)
        PyErr_NoMemory();
    else {
        memcpy(copy, buffer.buf, (size_t)buffer.len);
        given->copied[given->copied_count].start = (uintptr_t)buffer.buf;
        given->copied[given->copied_count++].end = (uintptr_t)buffer.buf + (size_t)buffer.len;
        for (int axis = 0; axis < axes; axis++)
            shape[axis] = buffer.shape[axis];
    }
    PyBuffer_Release(&buffer);
    return copy;
}

static int64_t *copy_map(struct arguments *given, PyObject *object, const char *name, Py_ssize_t side, Py_ssize_t *length)
{
    int64_t *map = copy_buffer(given, object, name, 'q', 1, PTRDIFF_MAX / 16, length);
    for (Py_ssize_t n = 0; map != NULL && n < *length; n++)
        if (map[n] < -1 || map[n] >= side) {
            refuse("%s: %lld is outside of the image", name, (long long)map[n]);
            free(map);
            return NULL;
        }
    return map;
}

/* Make the runs of the columns: what lies beside each other in the image, too. */
static bool make_column_runs(struct arguments *given, PyObject *columns, struct correlation *job)
{
    int64_t *map = copy_map(given, columns, "columns", given->source.width, &given->padded_columns);
    if (map == NULL)
        return false;
    given->column_runs = malloc((size_t)given->padded_columns * sizeof *given->column_runs);
    if (given->column_runs == NULL) {
        free(map);
        PyErr_NoMemory();
        return false;
    }
    Py_ssize_t count = 0;
    for (Py_ssize_t n = 0; n < given->padded_columns; n++) {
        bool continues = n > 0 && (map[n] < 0 ? map[n - 1] < 0 : map[n - 1] >= 0 && map[n] == map[n - 1] + 1);
        if (!continues)
            given->column_runs[count++] = (struct column_run){n, (ptrdiff_t)map[n], 0};
        given->column_runs[count - 1].length++;
    }
    free(map);
    job->column_runs = given->column_runs;
    job->column_run_count = count;
    return true;
}

/* Copy the taps of one kernel: a matrix, or a pair of a column and a row. */
static double *copy_kernel(struct arguments *given, PyObject *object, struct kernel *kernel)
{
    Py_ssize_t shape[2] = {0, 0};
    if (!PyTuple_Check(object)) {
        double *taps = copy_buffer(given, object, "kernel", 'd', 2, MAX_TAPS, shape);
        *kernel = (struct kernel){.taps = taps, .height = shape[0], .width = shape[1]};
        return taps;
    }
    if (PyTuple_Size(object) != 2) {
        refuse("a separable kernel is a pair of a column and a row");
        return NULL;
    }
    double *column = copy_buffer(given, PyTuple_GetItem(object, 0), "column", 'd', 1, MAX_TAPS, shape);
    double *row = column == NULL ? NULL : copy_buffer(given, PyTuple_GetItem(object, 1), "row", 'd', 1, MAX_TAPS, shape + 1);
    double *both = row == NULL ? NULL : realloc(column, (size_t)(shape[0] + shape[1]) * sizeof *both);
    if (both == NULL) {
        free(column);
        free(row);
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return NULL;
    }
    memcpy(both + shape[0], row, (size_t)shape[1] * sizeof *both);
    free(row);
    *kernel = (struct kernel){.column = both, .row = both + shape[0], .height = shape[0], .width = shape[1]};
    return both;
}

/* Return the sum of |taps|, NaN if one is not finite. */
static double sum_of_taps(const double *taps, ptrdiff_t count, bool *are_whole)
{
    double total = 0;
    for (ptrdiff_t n = 0; n < count; n++) {
        total += isfinite(taps[n]) ? fabs(taps[n]) : NAN;
        *are_whole = *are_whole && taps[n] == floor(taps[n]) && fabs(taps[n]) <= INT16_MAX;
    }
    return total;
}

/* Copy the kernels, and check that sums of integers fit. */
static bool take_kernels(struct arguments *given, PyObject *kernels, struct correlation *job)
{
    if (!PyTuple_Check(kernels) || PyTuple_Size(kernels) < 1 || PyTuple_Size(kernels) > MAX_KERNELS)
        return refuse("kernels must be a tuple of 1 to 64 kernels");
    bool are_whole = true;
    double largest_sum = 0, total = 0;
    job->kernels = given->kernels;
    job->kernel_count = (int)PyTuple_Size(kernels);
    if (job->combination == SINGLE && job->kernel_count > 1)
        return refuse("several kernels must be combined");
    for (int n = 0; n < job->kernel_count; n++) {
        struct kernel *kernel = given->kernels + n;
        given->taps[n] = copy_kernel(given, PyTuple_GetItem(kernels, n), kernel);
        if (given->taps[n] == NULL)
            return false;
        if (kernel->height != given->kernels->height || kernel->width != given->kernels->width)
            return refuse("kernels must have one shape");
        double sum, across = 1;
        if (kernel->taps != NULL)
            sum = sum_of_taps(kernel->taps, kernel->height * kernel->width, &are_whole);
        else {
            sum = sum_of_taps(kernel->column, kernel->height, &are_whole);
            across = sum_of_taps(kernel->row, kernel->width, &are_whole);
        }
        sum *= across < 1 ? 1 : across; /* sums down the columns must fit, too */
        if (job->working == 'i' && kernel->taps == NULL)
            return refuse("a separable kernel is not summed in groups");
        if (isnan(sum))
            return refuse("taps must be finite");
        largest_sum = sum > largest_sum ? sum : largest_sum;
        total += sum;
    }
    if (job->working != 'h' && job->working != 'i')
        return true;
    double bound = (job->combination == ABSOLUTE_SUM ? total : largest_sum) * job->largest;
    if (!are_whole || bound > (job->working == 'h' ? INT16_MAX : INT32_MAX))
        return refuse("sums do not fit the working type");
    return true;
}

/* Check that the rows and columns of the padded image suffice for the window, and find the size of the result. */
static bool check_window(struct arguments *given, struct correlation *job)
{
    ptrdiff_t steps[] = {job->stride_rows, job->stride_columns, job->dilation_rows, job->dilation_columns};
    for (int n = 0; n < 4; n++)
        if (steps[n] < 1 || steps[n] > INT32_MAX)
            return refuse("strides and dilations must be from 1 to 2147483647");
    ptrdiff_t height = extent_of(job->kernels[0].height, job->dilation_rows);
    ptrdiff_t width = extent_of(job->kernels[0].width, job->dilation_columns);
    if (width > given->padded_columns || height > given->padded_rows)
        return refuse("the kernel is larger than the padded image");
    job->height = (given->padded_rows - height) / job->stride_rows + 1;
    job->width = (given->padded_columns - width) / job->stride_columns + 1;
    if (job->width == 1)
        job->stride_columns = 1;
    if (job->height == 1)
        job->stride_rows = 1;
    return true;
}

/* Acquire the output and check that it is what the job fills. */
static bool take_output(struct arguments *given, PyObject *object, struct correlation *job)
{
    bool is_range = job->rendering.mapping == MAP_RANGE, is_values = job->rendering.mapping == MAP_VALUES;
    if (is_range != (object == Py_None))
        return refuse("out must be None for a range, and only then");
    if (is_range)
        return true;
    if (!image_acquire(&given->out, object, "out", is_values ? "hiqfd" : "BH", true))
        return false;
    given->has_out = true;
    const struct image *out = &given->out;
    bool has_fourth = !is_values && job->channels == 3 && out->channels == 4;
    if (out->height != job->height || out->width != job->width
        || (out->channels != job->channels && !has_fourth))
        return refuse("out has the wrong shape");
    ptrdiff_t pixel_bytes = out->channels * out->itemsize, row_bytes = out->width * pixel_bytes;
    ptrdiff_t distance = out->row_distance < 0 ? -out->row_distance : out->row_distance;
    if ((out->width > 1 && out->pixel_distance != pixel_bytes) || (out->height > 1 && distance < row_bytes))
        return refuse("out must have contiguous rows");
    if (buffers_overlap(&given->source.buffer, &out->buffer))
        return refuse("out overlaps the image");
    uintptr_t start, end;
    buffer_addresses(&out->buffer, &start, &end);
    for (int n = 0; n < given->copied_count; n++)
        if (given->copied[n].start < end && start < given->copied[n].end)
            return refuse("out overlaps another argument");
    bool is_float = job->source_format == 'f' || job->source_format == 'd';
    if (is_values && is_float && strchr("hiq", out->format) != NULL)
        return refuse("results of floats are floats");
    job->out = out->buffer.buf;
    job->out_format = out->format;
    job->out_row_distance = out->row_distance;
    job->out_samples = out->channels;
    job->rendering.white = out->format == 'H' ? UINT16_MAX : UINT8_MAX;
    return true;
}

/* Choose the height of blocks and the width of tiles; refuse what takes absurdly much memory. */
static bool choose_tile(struct correlation *job)
{
    ptrdiff_t height = extent_of(job->kernels[0].height, job->dilation_rows);
    ptrdiff_t width = extent_of(job->kernels[0].width, job->dilation_columns);
    ptrdiff_t more = (BLOCK_ROWS - 1) * job->stride_rows;
    job->block_rows = more <= height || more <= 2 * BLOCK_ROWS ? BLOCK_ROWS : 1;
    double lines = (double)(job->block_rows - 1) * (double)job->stride_rows + (double)height;
    job->has_byte_lines = job->working == 'h' && job->source_format == 'B' && job->border >= 0 && job->border <= UINT8_MAX;
    double itemsize = job->working == 'd' ? 8 : job->working == 'f' ? 4 : job->has_byte_lines ? 1 : 2;
    double value = job->working == 'd' ? 8 : job->working == 'h' ? 2 : 4;
    double held = job->combination == SINGLE ? 0 : job->combination == MAGNITUDE ? job->kernel_count : 2;
    double results = BLOCK_ROWS * held * value;
    double pixels = TILE_BYTES / ((lines * itemsize + results) * (double)job->channels) / (double)job->stride_columns;
    ptrdiff_t least = width / job->stride_columns > MIN_TILE ? width / job->stride_columns : MIN_TILE;
    ptrdiff_t tile = pixels > (double)least ? (ptrdiff_t)pixels / MIN_TILE * MIN_TILE : least;
    job->tile_width = tile < job->width ? tile : job->width;
    bool is_read_in_place = job->has_byte_lines && job->stride_columns == 1 && job->pixel_distance == job->channels;
    job->edge_width = is_read_in_place ? (width > MIN_EDGE ? width : MIN_EDGE) : 0;
    double row = (double)job->tile_width * (double)job->stride_columns + (double)width;
    if ((lines + BLOCK_ROWS * (8 + held)) * (row + 1024) * (double)job->channels * 8 > MAX_BYTES) {
        PyErr_NoMemory();
        return false;
    }
    return true;
}

static bool take_rendering(PyObject *object, struct rendering *how)
{
    *how = (struct rendering){.mapping = MAP_VALUES, .scale = 1};
    if (object == Py_None)
        return true;
    static const char *const names[] = {"range", "abs", "clip", "center", "stretch", "gray"};
    const char *name;
    int relu, statistics, mapping = 0;
    if (!PyTuple_Check(object))
        return refuse("rendering must be a tuple or None");
    if (!PyArg_ParseTuple(object, "sddppdd", &name, &how->scale, &how->bias, &relu, &statistics, &how->lowest,
                          &how->extent))
        return false;
    while (mapping < 6 && strcmp(names[mapping], name) != 0)
        mapping++;
    if (mapping == 6)
        return refuse("no such mapping");
    how->mapping = MAP_RANGE + (enum mapping)mapping;
    how->relu = relu;
    how->statistics = statistics || how->mapping == MAP_RANGE;
    how->scaled = how->scale != 1 || how->bias != 0;
    if (!isfinite(how->scale) || !isfinite(how->bias) || !isfinite(how->lowest) || !isfinite(how->extent))
        return refuse("scale, bias and range must be finite");
    return true;
}

static bool take_types(struct arguments *given, const char *working, const char *combination, int single_squares,
                       struct correlation *job)
{
    static const char *const names[] = {"single", "magnitude", "strongest", "absolute sum", "absolute maximum"};
    int index = 0;
    while (index < 5 && strcmp(names[index], combination) != 0)
        index++;
    if (index == 5)
        return refuse("no such combination");
    job->combination = (enum combination)index;
    if (strlen(working) != 1 || strchr("hifd", working[0]) == NULL)
        return refuse("the working type must be h, i, f or d");
    job->working = working[0];
    char source = given->source.format;
    bool is_float = source == 'f' || source == 'd', is_integer = job->working == 'h' || job->working == 'i';
    if ((is_float && is_integer) || (source == 'd' && job->working != 'd'))
        return refuse("the working type is too narrow for the image");
    if (is_integer && source != 'B' && source != 'b')
        return refuse("only 8-bit images are summed in integers");
    if (!isfinite(job->border) || (is_integer && (job->border != floor(job->border) || fabs(job->border) > INT16_MAX)))
        return refuse("the border value does not fit the working type");
    double largest = source == 'B' ? UINT8_MAX : -INT8_MIN; /* only integers are bounded */
    job->largest = fabs(job->border) > largest ? fabs(job->border) : largest;
    job->single_squares = single_squares && source != 'd';
    job->double_magnitude = source == 'd';
    return true;
}

static bool take_image(struct arguments *given, PyObject *object, Py_ssize_t channels, struct correlation *job)
{
    if (!image_acquire(&given->source, object, "source", "BbHhIiQqfd", false))
        return false;
    given->has_source = true;
    if (channels < 1 || channels > given->source.channels)
        return refuse("channels must be from 1 to the samples of a pixel");
    job->source = given->source.buffer.buf;
    job->source_format = given->source.format;
    job->row_distance = given->source.row_distance;
    job->pixel_distance = given->source.pixel_distance;
    job->samples = given->source.channels;
    job->channels = channels;
    return true;
}

PyObject *core_correlate(PyObject *module, PyObject *positional, PyObject *keywords)
{
    (void)module;
    static char *names[] = {"source", "out", "channels", "rows", "columns", "border", "kernels",
                            "stride", "dilation", "working", "combination", "single_squares", "rendering", NULL};
    struct arguments given = {0};
    struct correlation job = {0};
    PyObject *source, *out, *rows, *columns, *kernels, *rendering;
    const char *working, *combination;
    int single_squares;
    Py_ssize_t channels;
    if (!PyArg_ParseTupleAndKeywords(positional, keywords, "OO$nOOdO(nn)(nn)sspO:correlate", names, &source, &out,
                                     &channels, &rows, &columns, &job.border, &kernels,
                                     &job.stride_rows, &job.stride_columns, &job.dilation_rows,
                                     &job.dilation_columns, &working, &combination, &single_squares, &rendering))
        return NULL;
    struct tally tally = {.lowest = INFINITY, .highest = -INFINITY};
    bool is_valid = take_image(&given, source, channels, &job)
                    && take_types(&given, working, combination, single_squares, &job)
                    && take_rendering(rendering, &job.rendering)
                    && (given.rows = copy_map(&given, rows, "rows", given.source.height, &given.padded_rows)) != NULL
                    && make_column_runs(&given, columns, &job) && take_kernels(&given, kernels, &job)
                    && check_window(&given, &job) && take_output(&given, out, &job) && choose_tile(&job);
    if (is_valid) {
        const struct clone *clone = active_clone;
        bool is_done;
        job.rows = given.rows;
        Py_BEGIN_ALLOW_THREADS
        is_done = clone->correlate(&job, &tally);
        Py_END_ALLOW_THREADS
        if (!is_done) {
            is_valid = false;
            PyErr_NoMemory();
        }
    }
    release(&given);
    if (!is_valid)
        return NULL;
    if (job.rendering.mapping == MAP_VALUES)
        Py_RETURN_NONE;
    return Py_BuildValue("LLLLddd", (long long)tally.above, (long long)tally.below, (long long)tally.nan,
                         (long long)tally.finite, tally.lowest, tally.highest, tally.total);
}
