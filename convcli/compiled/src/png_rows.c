/* The bytes of rows of a picture, in the order of PNG, and the choice of their filters. */
#include "images.h"

#include "clones.h"
#include "png.h"
#include <stdlib.h>
#include <string.h>

enum { GROUP_BYTES = 1 << 16 };            /* filtered by the same rule */
enum { SAMPLED_ROWS = 8, SAMPLED_PART = 8, MIN_SPAN = 1024, MAX_SPAN = 1 << 14 };
enum { ALL_FILTERS = (1 << PNG_FILTERS) - 1 };

/* Check what `png_rows_open` has acquired, and allocate the memory. */
static bool prepare(struct png_rows *rows, Py_ssize_t channels)
{
    const struct image *image = &rows->pixels;
    if (channels < 1 || channels > image->channels || channels + rows->has_alpha > PNG_MAX_CHANNELS)
        return refuse("a PNG has 1 to 4 channels, and no more than there are");
    if (rows->has_alpha
        && (rows->alpha.height != image->height || rows->alpha.width != image->width || rows->alpha.channels != 1
            || rows->alpha.itemsize != image->itemsize))
        return refuse("alpha must have the size and the dtype of the pixels, and one channel");
    if (image->height > INT32_MAX || image->width > INT32_MAX / (4 * PNG_MAX_CHANNELS))
        return refuse("pixels are too many for a PNG");
    rows->pixels.channels = channels;
    rows->pixel_bytes = (channels + rows->has_alpha) * image->itemsize;
    rows->row_bytes = image->width * rows->pixel_bytes;
    rows->pitch = (rows->row_bytes + 2 * PNG_MARGIN - 1) / PNG_MARGIN * PNG_MARGIN + PNG_MARGIN;
    rows->group = rows->row_bytes < GROUP_BYTES ? GROUP_BYTES / (rows->row_bytes + 1) : 1;
    rows->group = rows->group < 1 ? 1 : rows->group < image->height ? rows->group : image->height;
    rows->memory = calloc((size_t)rows->group + 1, (size_t)rows->pitch);
    if (rows->memory == NULL)
        PyErr_NoMemory();
    return rows->memory != NULL;
}

bool png_rows_open(struct png_rows *rows, PyObject *pixels, Py_ssize_t channels, PyObject *alpha)
{
    *rows = (struct png_rows){.loaded = -1};
    if (!image_acquire(&rows->pixels, pixels, "pixels", "BH", false))
        return false;
    rows->has_alpha = alpha != Py_None && image_acquire(&rows->alpha, alpha, "alpha", "BH", false);
    bool is_open = rows->has_alpha == (alpha != Py_None) && prepare(rows, channels);
    if (!is_open)
        png_rows_close(rows);
    return is_open;
}

void png_rows_close(struct png_rows *rows)
{
    free(rows->memory);
    image_release(&rows->pixels);
    if (rows->has_alpha)
        image_release(&rows->alpha);
}

bool png_rows_check(const struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop)
{
    if (0 <= start && start < stop && stop <= rows->pixels.height)
        return true;
    return refuse("rows are not in the picture");
}

static void copy_sample(const char *from, uint8_t *to, Py_ssize_t itemsize)
{
    if (itemsize == 1)
        *to = (uint8_t)*from;
    else {
        uint16_t value;
        memcpy(&value, from, 2);
        to[0] = (uint8_t)(value >> 8);
        to[1] = (uint8_t)value;
    }
}

/* Copy the channels of an image to their places in the pixels of a row. */
static void copy_channels(const struct image *image, Py_ssize_t row, uint8_t *to, Py_ssize_t pixel_bytes)
{
    const char *from = image_row(image, row);
    Py_ssize_t size = image->channels * image->itemsize, width = image->width, x = 0;
    bool is_packed = image->pixel_distance == size && pixel_bytes == size;
    if (is_packed && image->itemsize == 1) {
        memcpy(to, from, (size_t)(width * size));
        return;
    }
    if (is_packed) {
        for (Py_ssize_t i = 0; i < width * image->channels; i++)
            copy_sample(from + 2 * i, to + 2 * i, 2);
        return;
    }
    if (size == 3 && image->itemsize == 1 && pixel_bytes == 3 && image->pixel_distance == 4)
        for (; x < width - 1; x++) /* a fourth byte, which the next pixel overwrites */
            memcpy(to + 3 * x, from + 4 * x, 4);
    for (; x < width; x++)
        for (Py_ssize_t channel = 0; channel < image->channels; channel++)
            copy_sample(from + x * image->pixel_distance + channel * image->itemsize,
                        to + x * pixel_bytes + channel * image->itemsize, image->itemsize);
}

void png_rows_load(struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop)
{
    Py_ssize_t first = start;
    if (start > 0 && rows->loaded == start)
        memcpy(rows->memory, rows->memory + rows->group * rows->pitch, (size_t)rows->pitch);
    else if (start > 0)
        first--;
    for (Py_ssize_t row = first; row < stop; row++) {
        uint8_t *to = rows->memory + (row - start + 1) * rows->pitch + PNG_MARGIN;
        copy_channels(&rows->pixels, row, to, rows->pixel_bytes);
        if (rows->has_alpha)
            copy_channels(&rows->alpha, row, to + rows->pixels.channels * rows->pixels.itemsize, rows->pixel_bytes);
    }
    rows->loaded = stop - start == rows->group ? stop : -1; /* only then is the last row in the last place */
}

int png_smallest_filter(const uint8_t *raw, const uint8_t *above, Py_ssize_t step, Py_ssize_t count, unsigned types,
                        uint8_t *filtered)
{
    const struct png_loops *loops = active_clone->png;
    uint64_t least = UINT64_MAX;
    int best = PNG_NONE;
    for (int type = 0; type < PNG_FILTERS; type++) {
        if ((types >> type & 1) == 0)
            continue;
        if (types == 1u << type)
            return type;
        uint64_t magnitude = 0;
        for (Py_ssize_t start = 0, part; start < count; start += part) {
            part = count - start < MAX_SPAN ? count - start : MAX_SPAN;
            loops->filter(type, raw + start, above + start, step, part, filtered);
            magnitude += loops->magnitude(filtered, part);
        }
        if (magnitude < least) {
            least = magnitude;
            best = type;
        }
    }
    return best;
}

/* The logarithm to base 2, in units of 1 / 65536, to about 1 / 200; from integers only, and so the same everywhere. */
static uint64_t logarithm(uint32_t value)
{
    unsigned power = 0;
    while (value >> power > 1)
        power++;
    uint64_t fraction = ((uint64_t)value << 16 >> power) - 65536;
    return ((uint64_t)power << 16) + fraction + (fraction * (65536 - fraction) >> 16) * 22 / 64;
}

uint64_t png_entropy(const uint32_t counts[256])
{
    uint64_t total = 0, bits = 0;
    for (int symbol = 0; symbol < 256; symbol++)
        total += counts[symbol];
    uint64_t most = logarithm((uint32_t)total);
    for (int symbol = 0; symbol < 256; symbol++)
        if (counts[symbol] > 0)
            bits += counts[symbol] * (most - logarithm(counts[symbol]));
    return bits;
}

unsigned png_choose_types(const struct png_rows *rows, Py_ssize_t count)
{
    const struct png_loops *loops = active_clone->png;
    uint32_t counts[PNG_FILTERS + 1][256] = {0}; /* the last ones are of the smallest filter in each row */
    uint8_t filtered[PNG_FILTERS][MAX_SPAN];
    Py_ssize_t apart = count / SAMPLED_ROWS > 1 ? count / SAMPLED_ROWS : 1, sampled = (count + apart - 1) / apart;
    Py_ssize_t span = rows->row_bytes / SAMPLED_PART * apart, length = rows->row_bytes;
    span = span < MIN_SPAN ? MIN_SPAN : span < MAX_SPAN ? span : MAX_SPAN;
    span = span < length ? span : length;
    for (Py_ssize_t sample = 0; sample < sampled; sample++) {
        Py_ssize_t start = sampled > 1 ? (length - span) * sample / (sampled - 1) : (length - span) / 2;
        const uint8_t *raw = png_row(rows, sample * apart) + start, *above = png_row(rows, sample * apart - 1) + start;
        uint64_t least = UINT64_MAX;
        int best = PNG_NONE;
        for (int type = 0; type < PNG_FILTERS; type++) {
            loops->filter(type, raw, above, rows->pixel_bytes, span, filtered[type]);
            uint64_t magnitude = loops->magnitude(filtered[type], span);
            best = magnitude < least ? type : best;
            least = magnitude < least ? magnitude : least;
        }
        for (Py_ssize_t i = 0; i < span; i++) { /* in turn, as adding to one count twice takes longer */
            for (int type = 0; type < PNG_FILTERS; type++)
                counts[type][filtered[type][i]]++;
            counts[PNG_FILTERS][filtered[best][i]]++;
        }
    }
    uint64_t least = png_entropy(counts[PNG_FILTERS]);
    unsigned types = ALL_FILTERS;
    for (int type = 0; type < PNG_FILTERS; type++) {
        uint64_t bits = png_entropy(counts[type]);
        if (bits <= least) {
            least = bits;
            types = 1u << type;
        }
    }
    return types;
}
