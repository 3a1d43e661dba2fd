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

bool layer_plan_copy(const struct layer *layer, ptrdiff_t itemsize, enum layer_algorithm algorithm,
                     struct layer_array *copy, size_t *bytes)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t repeats = algorithm == DEPTHWISE ? target->channels / input->channels : 1;
    ptrdiff_t whole = algorithm == WINOGRAD ? 4 : 1; /* tiles are whole */
    ptrdiff_t rows = (target->height + whole - 1) / whole * whole;
    ptrdiff_t columns = (target->width + whole - 1) / whole * whole;
    ptrdiff_t height = extent(rows, layer->stride_down, layer->window_height, layer->dilation_down);
    ptrdiff_t width = extent(columns, layer->stride_across, layer->window_width, layer->dilation_across);
    bool is_inside = layer->top >= 0 && layer->left >= 0 && layer->top + height <= input->height
                     && layer->left + width <= input->width;
    *bytes = 0;
    if (repeats == 1 && (algorithm == DEPTHWISE || is_inside))
        return true;
    ptrdiff_t row = input->channels * repeats, image, size;
    if (!multiply(&row, width))
        return false;
    image = row;
    if (!multiply(&image, height))
        return false;
    size = image;
    if (!multiply(&size, input->images) || !multiply(&size, itemsize))
        return false;
    *bytes = (size_t)size;
    *copy = (struct layer_array){
        .images = input->images,
        .height = height,
        .width = width,
        .channels = input->channels * repeats,
        .image_distance = image,
        .row_distance = row,
        .pixel_distance = input->channels * repeats,
    };
    return true;
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

void layer_read_copy(struct layer *layer, ptrdiff_t itemsize, const struct layer_array *copy)
{
    const struct layer_array *input = &layer->input;
    char *target = copy->values;
    for (ptrdiff_t image = 0; image < copy->images; image++)
        for (ptrdiff_t row = layer->top; row < layer->top + copy->height; row++) {
            const char *values = input->values;
            if (row < 0 || row >= input->height)
                memset(target, 0, (size_t)(copy->row_distance * itemsize));
            else
                copy_row(input, itemsize, copy->channels / input->channels,
                         values + (image * input->image_distance + row * input->row_distance) * itemsize, layer->left,
                         copy->width, target);
            target += copy->row_distance * itemsize;
        }
    layer->input = *copy;
    layer->top = layer->left = 0;
}
