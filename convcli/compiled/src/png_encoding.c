/* core.png_strip, core.png_filtered, core.entropy: what the PNG encoder does with pixels and bytes. */
#include "images.h"

#include "clones.h"
#include "deflate.h"
#include "png.h"
#include <stdlib.h>

/* Write the rows of a group, filtered, to a deflater or else to `output`; return the end of the output. */
static uint8_t *filter_group(const struct png_rows *rows, Py_ssize_t count, unsigned types, struct deflater *deflater,
                             uint8_t *output)
{
    uint8_t scratch[1 << 14];
    for (Py_ssize_t row = 0; row < count; row++) {
        const uint8_t *raw = png_row(rows, row), *above = png_row(rows, row - 1);
        int type = png_smallest_filter(raw, above, rows->pixel_bytes, rows->row_bytes, types, scratch);
        uint8_t *to = deflater == NULL ? output++ : deflater_room(deflater, 1);
        *to = (uint8_t)type;
        if (deflater != NULL)
            deflater_append(deflater, 1);
        for (Py_ssize_t start = 0, part; start < rows->row_bytes; start += part) {
            part = rows->row_bytes - start < DEFLATE_BYTES ? rows->row_bytes - start : DEFLATE_BYTES;
            to = deflater == NULL ? output : deflater_room(deflater, (size_t)part);
            active_clone->png->filter(type, raw + start, above + start, rows->pixel_bytes, part, to);
            if (deflater == NULL)
                output += part;
            else
                deflater_append(deflater, (size_t)part);
        }
    }
    return output;
}

static void filter_rows(struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop, unsigned types,
                        struct deflater *deflater, uint8_t *output)
{
    for (Py_ssize_t row = start, count; row < stop; row += count) {
        count = stop - row < rows->group ? stop - row : rows->group;
        png_rows_load(rows, row, row + count);
        unsigned here = types == 0 ? png_choose_types(rows, count) : types;
        output = filter_group(rows, count, here, deflater, output);
    }
}

/* Return how many bytes rows take with their types, or -1 with an exception if that is too many. */
static Py_ssize_t filtered_size(const struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop)
{
    if (!png_rows_check(rows, start, stop))
        return -1;
    if (stop - start <= PY_SSIZE_T_MAX / 4 / (rows->row_bytes + 1))
        return (stop - start) * (rows->row_bytes + 1);
    PyErr_NoMemory();
    return -1;
}

PyObject *core_png_filtered(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pixels, *alpha, *result = NULL;
    Py_ssize_t channels, start, stop;
    int types;
    struct png_rows rows;
    if (!PyArg_ParseTuple(arguments, "OnOnni", &pixels, &channels, &alpha, &start, &stop, &types))
        return NULL;
    if (types < 1 || types >= 1 << PNG_FILTERS)
        return PyErr_Format(PyExc_ValueError, "no set of filter types: %d", types);
    if (!png_rows_open(&rows, pixels, channels, alpha))
        return NULL;
    Py_ssize_t size = filtered_size(&rows, start, stop);
    if (size >= 0)
        result = PyBytes_FromStringAndSize(NULL, size);
    if (result != NULL) {
        uint8_t *output = (uint8_t *)PyBytes_AsString(result);
        Py_BEGIN_ALLOW_THREADS
        filter_rows(&rows, start, stop, (unsigned)types, NULL, output);
        Py_END_ALLOW_THREADS
    }
    png_rows_close(&rows);
    return result;
}

PyObject *core_png_strip(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pixels, *alpha, *result = NULL;
    Py_ssize_t channels, start, stop;
    int types, only_runs, last;
    struct png_rows rows;
    struct deflater deflater;
    if (!PyArg_ParseTuple(arguments, "OnOnnipp", &pixels, &channels, &alpha, &start, &stop, &types, &only_runs, &last))
        return NULL;
    if (types < 0 || types >= 1 << PNG_FILTERS)
        return PyErr_Format(PyExc_ValueError, "no set of filter types: %d", types);
    if (!png_rows_open(&rows, pixels, channels, alpha))
        return NULL;
    Py_ssize_t size = filtered_size(&rows, start, stop);
    uint8_t *output = size < 0 ? NULL : malloc(deflate_bound((size_t)size));
    size_t capacity = size < DEFLATER_BYTES ? (size_t)size : DEFLATER_BYTES;
    if (size < 0)
        goto close;
    if (output == NULL || !deflater_init(&deflater, capacity, only_runs, output)) {
        PyErr_NoMemory();
        goto close;
    }
    size_t written;
    Py_BEGIN_ALLOW_THREADS
    filter_rows(&rows, start, stop, (unsigned)types, &deflater, NULL);
    written = deflater_end(&deflater, output, last);
    Py_END_ALLOW_THREADS
    result = Py_BuildValue("y#k", (const char *)output, (Py_ssize_t)written, (unsigned long)deflater.checksum);
    deflater_free(&deflater);
close:
    free(output);
    png_rows_close(&rows);
    return result;
}

PyObject *core_entropy(PyObject *module, PyObject *object)
{
    (void)module;
    Py_buffer buffer;
    uint32_t counts[256] = {0};
    if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    if (buffer.len > INT32_MAX) {
        PyBuffer_Release(&buffer);
        return PyErr_Format(PyExc_ValueError, "too many bytes");
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < buffer.len; i++)
        counts[((const uint8_t *)buffer.buf)[i]]++;
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&buffer);
    return PyFloat_FromDouble((double)png_entropy(counts) / 65536);
}
