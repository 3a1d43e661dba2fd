/* Images as Python passes them, checked before any of their memory is touched. */
#ifndef CONVCLI_IMAGES_H
#define CONVCLI_IMAGES_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

/* An image (H, W) or (H, W, C); distances are in bytes, and the channels of a pixel are contiguous. */
struct image {
    Py_buffer buffer;
    char format; /* of struct, by size: B b H h I i Q q f d */
    Py_ssize_t height, width, channels, itemsize;
    Py_ssize_t row_distance, pixel_distance;
};

/* Set a ValueError, formatted as PyErr_Format does, and return false. */
bool refuse(const char *why, ...);

/* Fill an image from an object; on failure set an exception and return false. `formats` are those accepted. */
bool image_acquire(struct image *image, PyObject *object, const char *name, const char *formats, bool writable);
void image_release(struct image *image);

/* The range of addresses of a buffer that is not empty. */
void buffer_addresses(const Py_buffer *buffer, uintptr_t *first, uintptr_t *end);

/* Whether the memory of two buffers overlaps, judged by the range of addresses of each. */
bool buffers_overlap(const Py_buffer *one, const Py_buffer *other);

static inline const char *image_row(const struct image *image, Py_ssize_t row)
{
    return (const char *)image->buffer.buf + row * image->row_distance;
}

#endif
