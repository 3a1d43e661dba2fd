/* Images as Python passes them. */
#include "images.h"
#include <string.h>

static char format_by_size(const char *format, Py_ssize_t itemsize)
{
    if (format == NULL)
        return 'B';
    if (*format == '@' || *format == '=' || *format == (PY_BIG_ENDIAN ? '>' : '<'))
        format++;
    if (format[0] == '\0' || format[1] != '\0')
        return '\0';
    switch (format[0]) {
    case 'B': case 'b': case 'H': case 'h': case 'f': case 'd': case '?':
        return format[0] == '?' ? 'B' : format[0];
    case 'I': case 'L': case 'Q': case 'N':
        return itemsize == 4 ? 'I' : itemsize == 8 ? 'Q' : '\0';
    case 'i': case 'l': case 'q': case 'n':
        return itemsize == 4 ? 'i' : itemsize == 8 ? 'q' : '\0';
    default:
        return '\0';
    }
}

bool refuse(const char *why, ...)
{
    va_list values;
    va_start(values, why);
    PyErr_FormatV(PyExc_ValueError, why, values);
    va_end(values);
    return false;
}

/* Describe an acquired buffer, or refuse it. */
static bool describe(struct image *image, const char *name, const char *formats)
{
    const Py_buffer *buffer = &image->buffer;
    if (buffer->ndim != 2 && buffer->ndim != 3)
        return refuse("%s must have two or three axes", name);
    image->itemsize = buffer->itemsize;
    image->format = format_by_size(buffer->format, buffer->itemsize);
    if (image->format == '\0' || strchr(formats, image->format) == NULL)
        return refuse("%s has a dtype that is not supported here", name);
    image->height = buffer->shape[0];
    image->width = buffer->shape[1];
    image->channels = buffer->ndim == 3 ? buffer->shape[2] : 1;
    image->row_distance = buffer->strides[0];
    image->pixel_distance = buffer->strides[1];
    if (image->height < 1 || image->width < 1 || image->channels < 1)
        return refuse("%s is empty", name);
    if (image->channels > 1 && buffer->strides[2] != image->itemsize)
        return refuse("%s must have contiguous channels", name);
    if (image->row_distance % image->itemsize || image->pixel_distance % image->itemsize
        || (uintptr_t)buffer->buf % (uintptr_t)image->itemsize)
        return refuse("%s must be aligned", name);
    return true;
}

bool image_acquire(struct image *image, PyObject *object, const char *name, const char *formats, bool writable)
{
    int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, &image->buffer, flags) < 0)
        return false;
    bool fits = describe(image, name, formats);
    if (!fits)
        PyBuffer_Release(&image->buffer);
    return fits;
}

void image_release(struct image *image)
{
    PyBuffer_Release(&image->buffer);
}

void buffer_addresses(const Py_buffer *buffer, uintptr_t *first, uintptr_t *end)
{
    *first = (uintptr_t)buffer->buf;
    if (buffer->strides == NULL) { /* contiguous */
        *end = *first + (uintptr_t)buffer->len;
        return;
    }
    *end = *first + (uintptr_t)buffer->itemsize;
    for (int axis = 0; axis < buffer->ndim; axis++) {
        Py_ssize_t reach = (buffer->shape[axis] - 1) * buffer->strides[axis];
        *(reach < 0 ? first : end) += (uintptr_t)reach;
    }
}

bool buffers_overlap(const Py_buffer *one, const Py_buffer *other)
{
    uintptr_t first, end, other_first, other_end;
    buffer_addresses(one, &first, &end);
    buffer_addresses(other, &other_first, &other_end);
    return first < other_end && other_first < end;
}
