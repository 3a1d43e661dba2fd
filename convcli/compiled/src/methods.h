/* The functions of the module, each defined in the file of its subject. */
#ifndef CONVCLI_METHODS_H
#define CONVCLI_METHODS_H

#include "images.h"

PyObject *core_measure(PyObject *module, PyObject *arguments);
PyObject *core_correlate(PyObject *module, PyObject *positional, PyObject *keywords);
PyObject *core_fourier(PyObject *module, PyObject *arguments);
PyObject *core_pool(PyObject *module, PyObject *arguments, PyObject *names);
PyObject *core_entropy(PyObject *module, PyObject *bytes);
PyObject *core_png_filtered(PyObject *module, PyObject *arguments);
PyObject *core_png_strip(PyObject *module, PyObject *arguments);
PyObject *core_png_decoder(PyObject *module, PyObject *arguments);
PyObject *core_png_decode(PyObject *module, PyObject *arguments);
PyObject *core_png_unfilter(PyObject *module, PyObject *arguments);
PyObject *core_layer_products(PyObject *module, PyObject *arguments);
PyObject *core_layer_depthwise(PyObject *module, PyObject *arguments);
PyObject *core_layer_winograd(PyObject *module, PyObject *arguments);

#endif
