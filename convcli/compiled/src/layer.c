/* core.layer_products, core.layer_depthwise and core.layer_winograd: the sums of products of a convolution layer. */
#include "layer_input.h"
#include "clones.h"
#include "images.h"
#include "methods.h"
#include "scratch.h"

/* Lengths and distances are below this, so that no product of two of them, nor a sum of a few, overflows. */
#define MAX_LENGTH ((Py_ssize_t)1 << 30)

#define MAX_COPY_BYTES ((size_t)1 << 21) /* unless a row of windows reads more */

struct layer_buffers {
    Py_buffer input, weights, target;
};

/* Check an acquired buffer of real numbers; `format` is 'f' or 'd'. */
static bool check_buffer(const Py_buffer *buffer, const char *name, char format, int axes)
{
    if (buffer->ndim != axes)
        return refuse("%s has the wrong number of axes", name);
    if (buffer->format == NULL || buffer->format[0] != format || buffer->format[1] != '\0'
        || buffer->itemsize != (format == 'f' ? (Py_ssize_t)sizeof(float) : (Py_ssize_t)sizeof(double)))
        return refuse("%s must be float32 or float64, as the input", name);
    if ((uintptr_t)buffer->buf % (uintptr_t)buffer->itemsize)
        return refuse("%s must be aligned", name);
    for (int axis = 0; axis < axes; axis++) {
        if (buffer->shape[axis] < 1 || buffer->shape[axis] >= MAX_LENGTH)
            return refuse("%s is empty or too large", name);
        if (buffer->strides[axis] % buffer->itemsize)
            return refuse("%s must be aligned", name);
    }
    if (buffer->shape[axes - 1] > 1 && buffer->strides[axes - 1] != buffer->itemsize)
        return refuse("%s must have contiguous channels", name);
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

static bool check_layer(const struct layer_buffers *buffers, const struct layer *layer)
{
    const Py_ssize_t positive[] = {layer->window_height, layer->window_width,  layer->stride_down,
                                   layer->stride_across, layer->dilation_down, layer->dilation_across};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (positive[i] < 1 || positive[i] >= MAX_LENGTH)
            return refuse("layer has a window, stride or dilation out of range");
    if (layer->top <= -MAX_LENGTH || layer->top >= MAX_LENGTH || layer->left <= -MAX_LENGTH
        || layer->left >= MAX_LENGTH)
        return refuse("layer starts out of range");
    if (layer->input.images != layer->target.images)
        return refuse("target has another number of images");
    if (buffers_overlap(&buffers->target, &buffers->input) || buffers_overlap(&buffers->target, &buffers->weights))
        return refuse("target overlaps what is read");
    return true;
}

/* Whether `weights` has these lengths; the number of taps is compared without overflow. */
static bool check_weights(const struct layer_buffers *buffers, const struct layer *layer, enum layer_algorithm algorithm)
{
    const Py_buffer *weights = &buffers->weights;
    Py_ssize_t block = LAYER_BLOCK_BYTES / weights->itemsize, filters = layer->target.channels;
    Py_ssize_t taps = layer->window_height * layer->window_width; /* each below 2^30 */
    Py_ssize_t channels = layer->input.channels, length = weights->shape[weights->ndim - 2];
    bool fits = PyBuffer_IsContiguous(weights, 'C') && taps < MAX_LENGTH;
    if (algorithm == DEPTHWISE)
        fits = fits && filters % channels == 0 && weights->shape[1] == filters + block && length == taps + 1;
    else
        fits = fits && weights->shape[0] == (filters + block - 1) / block && weights->shape[2] == block
               && length == (algorithm == WINOGRAD ? 36 * (channels + 1) : taps * channels + 1);
    if (algorithm == WINOGRAD)
        fits = fits && weights->itemsize == sizeof(float) && channels >= block;
    return fits || refuse("weights do not fit the layer");
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

static void run_part(struct layer *part, bool is_double, enum layer_algorithm algorithm, char *memory, size_t tiles)
{
    const struct layer_loops *loops = active_clone->layer;
    if (layer_needs_copy(part, algorithm))
        layer_read_copy(part, is_double ? sizeof(double) : sizeof(float), algorithm, memory + tiles);
    if (algorithm == WINOGRAD)
        loops->winograd(part, (float *)memory);
    else
        (algorithm == DEPTHWISE ? loops->depthwise : loops->products)[is_double](part);
}

/* Compute the layer, in parts if what it reads must be copied and is large. */
static bool run(const struct layer *layer, bool is_double, enum layer_algorithm algorithm)
{
    Py_ssize_t itemsize = is_double ? sizeof(double) : sizeof(float);
    Py_ssize_t images = layer->target.images, rows = layer->target.height;
    struct layer part = *layer;
    struct scratch scratch;
    size_t copied = 0, tiles = 0;
    bool has_memory = true;
    if (layer_needs_copy(layer, algorithm)
        && (!layer_copy_bytes(layer, itemsize, algorithm, &copied) || copied > MAX_COPY_BYTES)) {
        images = 1;
        rows = layer_rows_at_once(layer, itemsize, algorithm, MAX_COPY_BYTES);
        part = layer_part(layer, itemsize, 0, images, 0, rows);
        has_memory = layer_copy_bytes(&part, itemsize, algorithm, &copied);
    }
    if (algorithm == WINOGRAD)
        tiles = 36 * LAYER_TILES * ((size_t)(layer->input.channels * itemsize) + LAYER_BLOCK_BYTES);
    has_memory = has_memory && copied <= SIZE_MAX - tiles && scratch_take(&scratch, tiles + copied);
    if (!has_memory) {
        PyErr_NoMemory();
        return false;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t image = 0; image < layer->target.images; image += images)
        for (Py_ssize_t row = 0; row < layer->target.height; row += rows) {
            part = layer_part(layer, itemsize, image, images, row, rows);
            run_part(&part, is_double, algorithm, scratch.memory, tiles);
        }
    Py_END_ALLOW_THREADS
    scratch_return(&scratch);
    return true;
}

static PyObject *compute(PyObject *arguments, enum layer_algorithm algorithm)
{
    PyObject *input, *weights, *target;
    struct layer layer = {.window_height = 3, .window_width = 3, .stride_down = 1, .stride_across = 1,
                          .dilation_down = 1, .dilation_across = 1};
    struct layer_buffers buffers;
    if (algorithm == WINOGRAD ? !PyArg_ParseTuple(arguments, "OOO(nn)", &input, &weights, &target, &layer.top,
                                                  &layer.left)
                              : !PyArg_ParseTuple(arguments, "OOO(nn)(nn)(nn)(nn)", &input, &weights, &target,
                                                  &layer.window_height, &layer.window_width, &layer.stride_down,
                                                  &layer.stride_across, &layer.dilation_down, &layer.dilation_across,
                                                  &layer.top, &layer.left))
        return NULL;
    if (!acquire(&buffers, input, weights, target))
        return NULL;
    const char *type = buffers.input.format;
    char format = type != NULL && type[0] == 'd' ? 'd' : 'f';
    bool is_valid = check_buffer(&buffers.input, "input", format, 4)
                    && check_buffer(&buffers.weights, "weights", format, algorithm == DEPTHWISE ? 2 : 3)
                    && check_buffer(&buffers.target, "target", format, 4);
    if (is_valid) {
        layer.input = as_array(&buffers.input);
        layer.target = as_array(&buffers.target);
        layer.weights = buffers.weights.buf;
        is_valid = check_layer(&buffers, &layer) && check_weights(&buffers, &layer, algorithm)
                   && run(&layer, format == 'd', algorithm);
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
    return compute(arguments, PRODUCTS);
}

PyObject *core_layer_depthwise(PyObject *module, PyObject *arguments)
{
    (void)module;
    return compute(arguments, DEPTHWISE);
}

PyObject *core_layer_winograd(PyObject *module, PyObject *arguments)
{
    (void)module;
    return compute(arguments, WINOGRAD);
}
