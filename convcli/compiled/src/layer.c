/* core.layer_products and core.layer_depthwise: the sums of products of a convolution layer. */
#include "layer.h"
#include "clones.h"
#include "images.h"
#include "methods.h"
#include <stdlib.h>
#include <string.h>

/* Lengths and distances are below this, so that no product of two of them, nor a sum of a few, overflows. */
#define MAX_LENGTH ((Py_ssize_t)1 << 30)

struct layer_buffers {
    Py_buffer input, weights, target;
};

static bool fail(const char *name, const char *why)
{
    PyErr_Format(PyExc_ValueError, "%s %s", name, why);
    return false;
}

/* Check an acquired buffer of real numbers; `format` is 'f' or 'd'. */
static bool check_buffer(const Py_buffer *buffer, const char *name, char format, int axes)
{
    if (buffer->ndim != axes)
        return fail(name, "has the wrong number of axes");
    if (buffer->format == NULL || buffer->format[0] != format || buffer->format[1] != '\0'
        || buffer->itemsize != (format == 'f' ? (Py_ssize_t)sizeof(float) : (Py_ssize_t)sizeof(double)))
        return fail(name, "must be float32 or float64, as the input");
    if ((uintptr_t)buffer->buf % (uintptr_t)buffer->itemsize)
        return fail(name, "must be aligned");
    for (int axis = 0; axis < axes; axis++) {
        if (buffer->shape[axis] < 1 || buffer->shape[axis] >= MAX_LENGTH)
            return fail(name, "is empty or too large");
        if (buffer->strides[axis] % buffer->itemsize)
            return fail(name, "must be aligned");
    }
    if (buffer->shape[axes - 1] > 1 && buffer->strides[axes - 1] != buffer->itemsize)
        return fail(name, "must have contiguous channels");
    return true;
}

static struct layer_array as_array(const Py_buffer *buffer)
{
    return (struct layer_array){
        .values = buffer->buf,
        .images = buffer->shape[0],
        .height = buffer->shape[1],
        .width = buffer->shape[2],
        .channels = buffer->shape[3],
        .image_distance = buffer->strides[0] / buffer->itemsize,
        .row_distance = buffer->strides[1] / buffer->itemsize,
        .pixel_distance = buffer->strides[2] / buffer->itemsize,
    };
}

static void address_range(const Py_buffer *buffer, uintptr_t *first, uintptr_t *end)
{
    *first = (uintptr_t)buffer->buf;
    *end = *first + (uintptr_t)buffer->itemsize;
    for (int axis = 0; axis < buffer->ndim; axis++) {
        Py_ssize_t reach = (buffer->shape[axis] - 1) * buffer->strides[axis];
        *(reach < 0 ? first : end) += (uintptr_t)reach;
    }
}

static bool overlap(const Py_buffer *one, const Py_buffer *other)
{
    uintptr_t first, end, other_first, other_end;
    address_range(one, &first, &end);
    address_range(other, &other_first, &other_end);
    return first < other_end && other_first < end;
}

static bool check_layer(const struct layer_buffers *buffers, const struct layer *layer)
{
    const Py_ssize_t positive[] = {layer->window_height, layer->window_width,  layer->stride_down,
                                   layer->stride_across, layer->dilation_down, layer->dilation_across};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (positive[i] < 1 || positive[i] >= MAX_LENGTH)
            return fail("layer", "has a window, stride or dilation out of range");
    if (layer->top <= -MAX_LENGTH || layer->top >= MAX_LENGTH || layer->left <= -MAX_LENGTH
        || layer->left >= MAX_LENGTH)
        return fail("layer", "starts out of range");
    if (layer->input.images != layer->target.images)
        return fail("target", "has another number of images");
    if (overlap(&buffers->target, &buffers->input) || overlap(&buffers->target, &buffers->weights))
        return fail("target", "overlaps what is read");
    return true;
}

/* Whether `weights` has these lengths; the number of taps is compared without overflow. */
static bool check_weights(const struct layer_buffers *buffers, const struct layer *layer, bool is_depthwise)
{
    const Py_buffer *weights = &buffers->weights;
    Py_ssize_t block = LAYER_BLOCK_BYTES / weights->itemsize, filters = layer->target.channels;
    Py_ssize_t taps = layer->window_height * layer->window_width; /* each below 2^30 */
    if (!PyBuffer_IsContiguous(weights, 'C'))
        return fail("weights", "must be contiguous");
    bool fits = is_depthwise
                    ? filters % layer->input.channels == 0 && weights->shape[1] == filters + block
                          && weights->shape[0] - 1 == taps
                    : weights->shape[0] == (filters + block - 1) / block && weights->shape[2] == block
                          && taps < MAX_LENGTH && weights->shape[1] - 1 == taps * layer->input.channels;
    return fits || fail("weights", "do not fit the layer");
}

static bool acquire(struct layer_buffers *buffers, PyObject *input, PyObject *weights, PyObject *target)
{
    int flags = PyBUF_STRIDES | PyBUF_FORMAT;
    if (PyObject_GetBuffer(input, &buffers->input, flags) < 0)
        return false;
    if (PyObject_GetBuffer(weights, &buffers->weights, flags) == 0) {
        if (PyObject_GetBuffer(target, &buffers->target, flags | PyBUF_WRITABLE) == 0)
            return true;
        PyBuffer_Release(&buffers->weights);
    }
    PyBuffer_Release(&buffers->input);
    return false;
}

/* How many pixels the windows of some outputs span; below 2^61. */
static Py_ssize_t extent(Py_ssize_t outputs, Py_ssize_t stride, Py_ssize_t window, Py_ssize_t dilation)
{
    return (outputs - 1) * stride + (window - 1) * dilation + 1;
}

static bool multiply(Py_ssize_t *product, Py_ssize_t factor)
{
    if (*product > PTRDIFF_MAX / factor)
        return false;
    *product *= factor;
    return true;
}

static void copy_repeated(const char *values, Py_ssize_t count, Py_ssize_t itemsize, Py_ssize_t repeats, char *target)
{
    for (Py_ssize_t i = 0; i < count; i++)
        for (Py_ssize_t repeat = 0; repeat < repeats; repeat++, target += itemsize)
            memcpy(target, values + i * itemsize, (size_t)itemsize);
}

/* Copy a row of pixels from column `left` on, zero outside the image, each value several times. */
static void copy_row(const struct layer_array *image, Py_ssize_t itemsize, Py_ssize_t repeats, const char *row,
                     Py_ssize_t left, Py_ssize_t width, char *target)
{
    Py_ssize_t pixel = image->channels * repeats * itemsize, distance = image->pixel_distance * itemsize;
    Py_ssize_t first = left < 0 ? -left : 0, end = image->width - left;
    first = first > width ? width : first;
    end = end > width ? width : end < first ? first : end;
    memset(target, 0, (size_t)(first * pixel));
    memset(target + end * pixel, 0, (size_t)((width - end) * pixel));
    if (pixel == distance)
        memcpy(target + first * pixel, row + (left + first) * pixel, (size_t)((end - first) * pixel));
    else
        for (Py_ssize_t column = first; column < end; column++)
            copy_repeated(row + (left + column) * distance, image->channels, itemsize, repeats, target + column * pixel);
}

/* Replace the input by a copy of what the windows read if the loops need one: with its padding for a dense layer, with
   each channel several times if several filters of a depthwise layer read it. Returns false without memory; the caller
   frees `copy`. */
static bool prepare_input(struct layer *layer, Py_ssize_t itemsize, bool is_depthwise, char **copy)
{
    struct layer_array *input = &layer->input;
    Py_ssize_t repeats = is_depthwise ? layer->target.channels / input->channels : 1;
    Py_ssize_t height = extent(layer->target.height, layer->stride_down, layer->window_height, layer->dilation_down);
    Py_ssize_t width = extent(layer->target.width, layer->stride_across, layer->window_width, layer->dilation_across);
    Py_ssize_t top = layer->top, left = layer->left;
    const char *values = input->values;
    bool is_inside = top >= 0 && left >= 0 && top + height <= input->height && left + width <= input->width;
    if (repeats == 1 && (is_depthwise || is_inside))
        return true;
    Py_ssize_t row_bytes = itemsize;
    if (!multiply(&row_bytes, input->channels * repeats) || !multiply(&row_bytes, width))
        return false;
    Py_ssize_t size = row_bytes;
    if (!multiply(&size, height) || !multiply(&size, input->images)
        || (*copy = malloc((size_t)size)) == NULL)
        return false;
    char *target = *copy;
    for (Py_ssize_t image = 0; image < input->images; image++)
        for (Py_ssize_t row = top; row < top + height; row++, target += row_bytes)
            if (row < 0 || row >= input->height)
                memset(target, 0, (size_t)row_bytes);
            else
                copy_row(input, itemsize, repeats, values + (image * input->image_distance + row * input->row_distance) * itemsize,
                         left, width, target);
    layer->top = layer->left = 0;
    input->values = *copy;
    input->channels *= repeats;
    input->height = height;
    input->width = width;
    input->pixel_distance = input->channels;
    input->row_distance = width * input->channels;
    input->image_distance = height * input->row_distance;
    return true;
}

static bool run(struct layer *layer, bool is_double, bool is_depthwise)
{
    const struct layer_loops *loops = active_clone->layer;
    char *copy = NULL;
    bool has_memory;
    Py_BEGIN_ALLOW_THREADS
    has_memory = prepare_input(layer, is_double ? sizeof(double) : sizeof(float), is_depthwise, &copy);
    if (has_memory)
        (is_depthwise ? loops->depthwise : loops->products)[is_double](layer);
    free(copy);
    Py_END_ALLOW_THREADS
    if (!has_memory)
        PyErr_NoMemory();
    return has_memory;
}

static PyObject *compute(PyObject *arguments, bool is_depthwise)
{
    PyObject *input, *weights, *target;
    struct layer layer;
    struct layer_buffers buffers;
    if (!PyArg_ParseTuple(arguments, "OOO(nn)(nn)(nn)(nn)", &input, &weights, &target, &layer.window_height,
                          &layer.window_width, &layer.stride_down, &layer.stride_across, &layer.dilation_down,
                          &layer.dilation_across, &layer.top, &layer.left)
        || !acquire(&buffers, input, weights, target))
        return NULL;
    const char *type = buffers.input.format;
    char format = type != NULL && type[0] == 'd' ? 'd' : 'f';
    bool is_valid = check_buffer(&buffers.input, "input", format, 4)
                    && check_buffer(&buffers.weights, "weights", format, is_depthwise ? 2 : 3)
                    && check_buffer(&buffers.target, "target", format, 4);
    if (is_valid) {
        layer.input = as_array(&buffers.input);
        layer.target = as_array(&buffers.target);
        layer.weights = buffers.weights.buf;
        is_valid = check_layer(&buffers, &layer) && check_weights(&buffers, &layer, is_depthwise)
                   && run(&layer, format == 'd', is_depthwise);
    }
    PyBuffer_Release(&buffers.input);
    PyBuffer_Release(&buffers.weights);
    PyBuffer_Release(&buffers.target);
    if (!is_valid)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *core_layer_products(PyObject *module, PyObject *arguments)
{
    (void)module;
    return compute(arguments, false);
}

PyObject *core_layer_depthwise(PyObject *module, PyObject *arguments)
{
    (void)module;
    return compute(arguments, true);
}
