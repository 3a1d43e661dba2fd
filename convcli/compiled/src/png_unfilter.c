/* core.png_unfilter: rows of a PNG file become pixels.

   Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), section 9.2. */
#include "png_pass.h"

#include "png_loops.h"
#include <stdlib.h>
#include <string.h>

enum { PADDING = 16 }; /* bytes behind those of a row that may be read and written with them */

/* Paeth's predictor without branches, which could not be foreseen. */
static inline int paeth(int left, int above, int corner)
{
    int to_left = abs(above - corner), to_above = abs(left - corner), to_corner = abs(left + above - 2 * corner);
    int is_corner = -(to_corner < to_above), is_not_left = -((to_above < to_left) | (to_corner < to_left));
    int otherwise = above ^ ((above ^ corner) & is_corner);
    return left ^ ((left ^ otherwise) & is_not_left);
}

/* Undo a filter that needs the pixel on the left, where a pixel is few bytes. */
static inline void unfilter_narrow(int type, int step, const uint8_t *filtered, const uint8_t *above, Py_ssize_t count,
                                   uint8_t *raw)
{
    int left[8] = {0}, corner[8] = {0};
    for (Py_ssize_t i = 0; i < count; i += step)
        for (int k = 0; k < step; k++) {
            int predicted = type == PNG_SUB       ? left[k]
                            : type == PNG_AVERAGE ? (left[k] + above[i + k]) >> 1
                                                  : paeth(left[k], above[i + k], corner[k]);
            left[k] = (filtered[i + k] + predicted) & 255;
            corner[k] = above[i + k];
            raw[i + k] = (uint8_t)left[k];
        }
}

#ifdef __GNUC__
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef int16_t words8 __attribute__((vector_size(16)));

static inline words8 absolute(words8 values)
{
    words8 sign = values >> 15;
    return (values ^ sign) - sign;
}

/* The same for pixels of up to 8 bytes, each pixel at once. */
static inline void unfilter_wide(int type, int step, const uint8_t *filtered, const uint8_t *above, Py_ssize_t count,
                                 uint8_t *raw)
{
    words8 left = {0}, corner = {0};
    for (Py_ssize_t i = 0; i < count; i += step) {
        bytes8 bytes;
        memcpy(&bytes, above + i, 8);
        words8 up = __builtin_convertvector(bytes, words8), predicted = left;
        memcpy(&bytes, filtered + i, 8);
        if (type == PNG_AVERAGE)
            predicted = (left + up) >> 1;
        else if (type == PNG_PAETH) {
            words8 across = up - corner, down = left - corner;
            words8 to_left = absolute(across), to_above = absolute(down), to_corner = absolute(across + down);
            words8 is_corner = to_corner < to_above, is_not_left = (to_above < to_left) | (to_corner < to_left);
            words8 otherwise = up ^ ((up ^ corner) & is_corner);
            predicted = left ^ ((left ^ otherwise) & is_not_left);
        }
        left = (__builtin_convertvector(bytes, words8) + predicted) & 255;
        corner = up;
        bytes = __builtin_convertvector(left, bytes8);
        memcpy(raw + i, &bytes, 8);
    }
}
#else
#define unfilter_wide unfilter_narrow
#endif

#define FOR_TYPES(step, unfilter)                                                                              \
    case step:                                                                                                 \
        if (type == PNG_SUB)                                                                                   \
            unfilter(PNG_SUB, step, filtered, above, count, raw);                                              \
        else if (type == PNG_AVERAGE)                                                                          \
            unfilter(PNG_AVERAGE, step, filtered, above, count, raw);                                          \
        else                                                                                                   \
            unfilter(PNG_PAETH, step, filtered, above, count, raw);                                            \
        break;

static void unfilter_row(int type, Py_ssize_t step, const uint8_t *filtered, const uint8_t *above, Py_ssize_t count,
                         uint8_t *raw)
{
    if (type == PNG_NONE) {
        memcpy(raw, filtered, (size_t)count);
        return;
    }
    if (type == PNG_UP) {
        for (Py_ssize_t i = 0; i < count; i++)
            raw[i] = (uint8_t)(filtered[i] + above[i]);
        return;
    }
    switch (step) { /* so that the compiler knows it */
        FOR_TYPES(1, unfilter_narrow)
        FOR_TYPES(2, unfilter_narrow)
        FOR_TYPES(3, unfilter_wide)
        FOR_TYPES(4, unfilter_wide)
        FOR_TYPES(6, unfilter_wide)
        FOR_TYPES(8, unfilter_wide)
    }
}

static void write_row(const struct png_pass *pass, Py_ssize_t row, const uint8_t *raw)
{
    const struct image *image = &pass->image;
    char *to = pass->start + row * pass->down;
    Py_ssize_t channels = pass->channels, samples = image->channels;
    if (image->itemsize == 1 && samples == channels && pass->across == samples) {
        memcpy(to, raw, (size_t)pass->row_bytes);
        return;
    }
    if (image->itemsize == 1 && channels == 3 && samples == 4 && pass->across == 4) {
        for (Py_ssize_t x = 0; x < pass->width; x++) {
            uint8_t pixel[4] = {raw[3 * x], raw[3 * x + 1], raw[3 * x + 2], UINT8_MAX};
            memcpy(to + 4 * x, pixel, 4);
        }
        return;
    }
    for (Py_ssize_t x = 0; x < pass->width; x++, to += pass->across)
        for (Py_ssize_t channel = 0; channel < samples; channel++)
            if (image->itemsize == 1)
                ((uint8_t *)to)[channel] = channel < channels ? *raw++ : UINT8_MAX;
            else {
                uint16_t value = UINT16_MAX;
                if (channel < channels) {
                    value = (uint16_t)(raw[0] << 8 | raw[1]);
                    raw += 2;
                }
                memcpy(to + 2 * channel, &value, 2);
            }
}

bool png_write_rows(const struct png_pass *pass, const uint8_t *data, Py_ssize_t first, Py_ssize_t rows,
                    struct row_buffers *buffers)
{
    size_t bytes = (size_t)pass->row_bytes;
    for (Py_ssize_t row = first; row < first + rows; row++, data += bytes + 1) {
        if (*data >= PNG_FILTERS)
            return false;
        memcpy(buffers->filtered, data + 1, bytes);
        unfilter_row(*data, pass->channels * pass->image.itemsize, buffers->filtered, buffers->above, pass->row_bytes,
                     buffers->raw);
        write_row(pass, row, buffers->raw);
        uint8_t *above = buffers->raw;
        buffers->raw = buffers->above;
        buffers->above = above;
    }
    return true;
}

bool row_buffers_init(struct row_buffers *buffers, const struct png_pass *pass)
{
    size_t padded = (size_t)pass->row_bytes + PADDING;
    buffers->memory = calloc(3, padded);
    if (buffers->memory == NULL) {
        PyErr_NoMemory();
        return false;
    }
    buffers->filtered = buffers->memory;
    buffers->above = buffers->memory + padded;
    buffers->raw = buffers->memory + 2 * padded;
    return true;
}

bool png_pass_open(struct png_pass *pass, PyObject *pixels, Py_ssize_t channels, Py_ssize_t left, Py_ssize_t across)
{
    if (!image_acquire(&pass->image, pixels, "pixels", "BH", true))
        return false;
    const struct image *image = &pass->image;
    pass->channels = channels;
    pass->row_bytes = 0;
    if (channels < 1 || channels > 4 || channels > image->channels)
        PyErr_SetString(PyExc_ValueError, "a PNG has 1 to 4 channels, and no more than there are");
    else if (across < 1 || across > 8 || left < 0 || left >= image->width || image->width > PY_SSIZE_T_MAX / 16)
        PyErr_SetString(PyExc_ValueError, "columns are not in the picture");
    else {
        pass->width = (image->width - left - 1) / across + 1;
        pass->row_bytes = pass->width * channels * image->itemsize;
        pass->across = across * image->pixel_distance;
        pass->down = image->row_distance;
        pass->start = (char *)image->buffer.buf + left * image->pixel_distance;
        return true;
    }
    image_release(&pass->image);
    return false;
}

PyObject *core_png_unfilter(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pixels, *result = NULL;
    Py_buffer data, previous;
    Py_ssize_t channels, top, down = 1, left = 0, across = 1;
    struct png_pass pass;
    struct row_buffers buffers = {0};
    if (!PyArg_ParseTuple(arguments, "y*w*Onn|nnn", &data, &previous, &pixels, &channels, &top, &down, &left, &across))
        return NULL;
    if (!png_pass_open(&pass, pixels, channels, left, across))
        goto release;
    Py_ssize_t rows = data.len / (pass.row_bytes + 1), height = pass.image.height;
    if (previous.len != pass.row_bytes || data.len % (pass.row_bytes + 1) != 0) {
        PyErr_SetString(PyExc_ValueError, "the bytes are not those of whole rows");
        goto close;
    }
    if (buffers_overlap(&pass.image.buffer, &data) || buffers_overlap(&pass.image.buffer, &previous)
        || buffers_overlap(&data, &previous)) {
        PyErr_SetString(PyExc_ValueError, "data, above and pixels overlap");
        goto close;
    }
    if (down < 1 || down > 8 || top < 0 || top >= height || rows < 1 || rows - 1 > (height - 1 - top) / down) {
        PyErr_SetString(PyExc_ValueError, "rows are not in the picture");
        goto close;
    }
    pass.start += top * pass.down;
    pass.down *= down;
    if (!row_buffers_init(&buffers, &pass))
        goto close;
    bool is_known;
    Py_BEGIN_ALLOW_THREADS
    memcpy(buffers.above, previous.buf, (size_t)pass.row_bytes);
    is_known = png_write_rows(&pass, data.buf, 0, rows, &buffers);
    memcpy(previous.buf, buffers.above, (size_t)pass.row_bytes);
    Py_END_ALLOW_THREADS
    if (is_known)
        result = Py_NewRef(Py_None);
    else
        PyErr_SetString(PyExc_ValueError, "a row has an unknown filter");
close:
    free(buffers.memory);
    image_release(&pass.image);
release:
    PyBuffer_Release(&previous);
    PyBuffer_Release(&data);
    return result;
}
