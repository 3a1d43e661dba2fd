/* Copies of a layer's input. */
#include "layer_input.h"
#include <stdint.h>
#include <string.h>

/* How many pixels the windows of some outputs span; below 2^61. */
static ptrdiff_t extent(ptrdiff_t outputs, ptrdiff_t stride, ptrdiff_t window, ptrdiff_t dilation)
{
    return (outputs - 1) * stride + (window - 1) * dilation + 1;
}

static bool multiply(ptrdiff_t *product, ptrdiff_t factor)
{
    if (*product > PTRDIFF_MAX / factor)
        return false;
    *product *= factor;
    return true;
}

/* The copy that the loops need, without values: of what the windows read, and each channel as often as it is read. */
static struct layer_array planned_copy(const struct layer *layer, enum layer_algorithm algorithm)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t whole = algorithm == WINOGRAD ? 4 : 1; /* tiles are whole */
    ptrdiff_t rows = (target->height + whole - 1) / whole * whole;
    ptrdiff_t columns = (target->width + whole - 1) / whole * whole;
    return (struct layer_array){
        .images = input->images,
        .height = extent(rows, layer->stride_down, layer->window_height, layer->dilation_down),
        .width = extent(columns, layer->stride_across, layer->window_width, layer->dilation_across),
        .channels = algorithm == DEPTHWISE ? target->channels : input->channels,
    };
}

bool layer_needs_copy(const struct layer *layer, enum layer_algorithm algorithm)
{
    const struct layer_array *input = &layer->input, copy = planned_copy(layer, algorithm);
    if (algorithm == DEPTHWISE)
        return copy.channels > input->channels;
    return layer->top < 0 || layer->left < 0 || layer->top + copy.height > input->height
           || layer->left + copy.width > input->width;
}

bool layer_copy_bytes(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, size_t *bytes)
{
    const struct layer_array copy = planned_copy(layer, algorithm);
    ptrdiff_t size = copy.channels * itemsize;
    bool fits = multiply(&size, copy.width) && multiply(&size, copy.height) && multiply(&size, copy.images);
    *bytes = (size_t)size;
    return fits;
}

ptrdiff_t layer_rows_at_once(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, size_t most)
{
    const struct layer_array copy = planned_copy(layer, algorithm);
    ptrdiff_t row = copy.channels * itemsize, window = extent(1, 1, layer->window_height, layer->dilation_down);
    ptrdiff_t rows = multiply(&row, copy.width) ? (ptrdiff_t)most / row : 0;
    rows = (rows - window) / layer->stride_down / 4 * 4; /* whole tiles */
    return rows < 4 ? 4 : rows;
}

struct layer layer_part(const struct layer *layer, ptrdiff_t itemsize, ptrdiff_t image, ptrdiff_t images, ptrdiff_t row,
                        ptrdiff_t rows)
{
    struct layer part = *layer;
    ptrdiff_t read = image * layer->input.image_distance;
    ptrdiff_t written = image * layer->target.image_distance + row * layer->target.row_distance;
    part.input.values = (char *)layer->input.values + read * itemsize;
    part.target.values = (char *)layer->target.values + written * itemsize;
    part.input.images = part.target.images = images;
    part.target.height = rows < layer->target.height - row ? rows : layer->target.height - row;
    part.top += row * layer->stride_down;
    return part;
}

static void copy_repeated(const char *values, ptrdiff_t count, ptrdiff_t itemsize, ptrdiff_t repeats, char *target)
{
    for (ptrdiff_t i = 0; i < count; i++)
        for (ptrdiff_t repeat = 0; repeat < repeats; repeat++, target += itemsize)
            memcpy(target, values + i * itemsize, (size_t)itemsize);
}

/* Copy a row of pixels from column `left` on, zero outside the image, each value several times. */
static void copy_row(const struct layer_array *image, ptrdiff_t itemsize, ptrdiff_t repeats, const char *row,
                     ptrdiff_t left, ptrdiff_t width, char *target)
{
    ptrdiff_t pixel = image->channels * repeats * itemsize, distance = image->pixel_distance * itemsize;
    ptrdiff_t first = left < 0 ? -left : 0, end = image->width - left;
    first = first > width ? width : first;
    end = end > width ? width : end < first ? first : end;
    memset(target, 0, (size_t)(first * pixel));
    memset(target + end * pixel, 0, (size_t)((width - end) * pixel));
    if (pixel == distance)
        memcpy(target + first * pixel, row + (left + first) * pixel, (size_t)((end - first) * pixel));
    else
        for (ptrdiff_t column = first; column < end; column++)
            copy_repeated(row + (left + column) * distance, image->channels, itemsize, repeats, target + column * pixel);
}

void layer_read_copy(struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm, char *memory)
{
    const struct layer_array *input = &layer->input;
    struct layer_array copy = planned_copy(layer, algorithm);
    copy.values = memory;
    copy.pixel_distance = copy.channels;
    copy.row_distance = copy.width * copy.pixel_distance;
    copy.image_distance = copy.height * copy.row_distance;
    for (ptrdiff_t image = 0; image < copy.images; image++)
        for (ptrdiff_t row = layer->top; row < layer->top + copy.height; row++) {
            const char *values = input->values;
            if (row < 0 || row >= input->height)
                memset(memory, 0, (size_t)(copy.row_distance * itemsize));
            else
                copy_row(input, itemsize, copy.channels / input->channels,
                         values + (image * input->image_distance + row * input->row_distance) * itemsize, layer->left,
                         copy.width, memory);
            memory += copy.row_distance * itemsize;
        }
    layer->input = copy;
    layer->top = layer->left = 0;
}
