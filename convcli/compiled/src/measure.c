/* core.measure: statistics of pixels. */
#include "clones.h"
#include "methods.h"

static void add_run(const struct image *image, const char *start, Py_ssize_t count, struct measure *measure)
{
    if (image->format == 'B')
        active_clone->measure_u8((const uint8_t *)start, count, measure);
    else
        active_clone->measure_u16((const uint16_t *)start, count, measure);
}

PyObject *core_measure(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *object;
    Py_ssize_t channels = 0; /* all */
    if (!PyArg_ParseTuple(arguments, "O|n:measure", &object, &channels))
        return NULL;
    struct image image;
    if (!image_acquire(&image, object, "image", "BH", false))
        return NULL;
    if (channels < 0 || channels > image.channels) {
        image_release(&image);
        refuse("channels must be 1 to %zd", image.channels);
        return NULL;
    }
    if (channels == 0)
        channels = image.channels;
    struct measure measure = {.lowest = UINT16_MAX};
    bool is_packed = image.pixel_distance == channels * image.itemsize;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t row = 0; row < image.height; row++) {
        const char *start = image_row(&image, row);
        if (is_packed)
            add_run(&image, start, image.width * channels, &measure);
        else
            for (Py_ssize_t column = 0; column < image.width; column++)
                add_run(&image, start + column * image.pixel_distance, channels, &measure);
    }
    Py_END_ALLOW_THREADS
    image_release(&image);
    return Py_BuildValue("iiL", measure.lowest, measure.highest, (long long)measure.total);
}
