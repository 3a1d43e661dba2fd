/* core.extremes: the smallest and the largest value of pixels. */
#include "clones.h"
#include "methods.h"

static void add_run(const struct image *image, const char *start, Py_ssize_t count, int *lowest, int *highest)
{
    if (image->format == 'B')
        active_clone->extremes_u8((const uint8_t *)start, count, lowest, highest);
    else
        active_clone->extremes_u16((const uint16_t *)start, count, lowest, highest);
}

PyObject *core_extremes(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *object;
    Py_ssize_t channels = 0; /* all */
    if (!PyArg_ParseTuple(arguments, "O|n:extremes", &object, &channels))
        return NULL;
    struct image image;
    if (!image_acquire(&image, object, "image", "BH", false))
        return NULL;
    if (channels < 0 || channels > image.channels) {
        image_release(&image);
        return PyErr_Format(PyExc_ValueError, "channels must be 1 to %zd", image.channels);
    }
    if (channels == 0)
        channels = image.channels;
    int lowest = UINT16_MAX, highest = 0;
    bool is_packed = image.pixel_distance == channels * image.itemsize;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t row = 0; row < image.height; row++) {
        const char *start = image_row(&image, row);
        if (is_packed)
            add_run(&image, start, image.width * channels, &lowest, &highest);
        else
            for (Py_ssize_t column = 0; column < image.width; column++)
                add_run(&image, start + column * image.pixel_distance, channels, &lowest, &highest);
    }
    Py_END_ALLOW_THREADS
    image_release(&image);
    return Py_BuildValue("ii", lowest, highest);
}
