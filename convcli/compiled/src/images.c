/* Images as Python passes them. */
#include "images.h"
#include <string.h>

static char format_by_size(const char *format, Py_ssize_t itemsize)
{
    if (format == NULL)
        return 'B';
    if (*format == '@' || *format == '=')
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

static bool fail(struct image *image, const char *name, const char *why)
{
    PyBuffer_Release(&image->buffer);
    PyErr_Format(PyExc_ValueError, "%s %s", name, why);
    return false;
}

bool image_acquire(struct image *image, PyObject *object, const char *name, const char *formats, bool writable)
{
    int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, &image->buffer, flags) < 0)
        return false;
    const Py_buffer *buffer = &image->buffer;
    if (buffer->ndim != 2 && buffer->ndim != 3)
        return fail(image, name, "must have two or three axes");
    image->itemsize = buffer->itemsize;
    image->format = format_by_size(buffer->format, buffer->itemsize);
    if (image->format == '\0' || strchr(formats, image->format) == NULL)
        return fail(image, name, "has a dtype that is not supported here");
    image->height = buffer->shape[0];
    image->width = buffer->shape[1];
    image->channels = buffer->ndim == 3 ? buffer->shape[2] : 1;
    image->row_distance = buffer->strides[0];
    image->pixel_distance = buffer->strides[1];
    if (image->height < 1 || image->width < 1 || image->channels < 1)
        return fail(image, name, "is empty");
    if (image->channels > 1 && buffer->strides[2] != image->itemsize)
        return fail(image, name, "must have contiguous channels");
    if (image->row_distance % image->itemsize || image->pixel_distance % image->itemsize)
        return fail(image, name, "must be aligned");
    if ((uintptr_t)buffer->buf % (uintptr_t)image->itemsize)
        return fail(image, name, "must be aligned");
    return true;
}

void image_release(struct image *image)
{
    PyBuffer_Release(&image->buffer);
}

void image_addresses(const struct image *image, uintptr_t *first, uintptr_t *end)
{
    Py_ssize_t down = (image->height - 1) * image->row_distance;
    Py_ssize_t across = (image->width - 1) * image->pixel_distance;
    uintptr_t start = (uintptr_t)image->buffer.buf;
    *first = start + (uintptr_t)((down < 0 ? down : 0) + (across < 0 ? across : 0));
    *end = start + (uintptr_t)((down > 0 ? down : 0) + (across > 0 ? across : 0)
                               + image->channels * image->itemsize);
}

bool images_overlap(const struct image *first, const struct image *second)
{
    uintptr_t first_start, first_end, second_start, second_end;
    image_addresses(first, &first_start, &first_end);
    image_addresses(second, &second_start, &second_end);
    return first_start < second_end && second_start < first_end;
}

bool image_overlaps_bytes(const struct image *image, const Py_buffer *bytes)
{
    uintptr_t start, end, bytes_start = (uintptr_t)bytes->buf;
    image_addresses(image, &start, &end);
    return start < bytes_start + (uintptr_t)bytes->len && bytes_start < end;
}
