/* The module convcli.compiled.core: its functions, and the choice of the instruction set. */
#include "clones.h"
#include "methods.h"
#include <string.h>

const struct clone *active_clone = &clone_baseline;

static int usable_clones(const struct clone **clones)
{
    int count = 0;
#ifdef HAS_X86_CLONES
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        clones[count++] = &clone_avx512;
    if (__builtin_cpu_supports("avx2"))
        clones[count++] = &clone_avx2;
#endif
    clones[count++] = &clone_baseline;
    return count;
}

static PyObject *core_instruction_sets(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    const struct clone *clones[3];
    int count = usable_clones(clones);
    PyObject *names = PyTuple_New(count);
    for (int i = 0; names != NULL && i < count; i++)
        if (PyTuple_SetItem(names, i, PyUnicode_FromString(clones[i]->name)) < 0)
            Py_CLEAR(names);
    return names;
}

static PyObject *core_instruction_set(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyUnicode_FromString(active_clone->name);
}

static PyObject *core_use_instruction_set(PyObject *module, PyObject *object)
{
    (void)module;
    const char *name = PyUnicode_AsUTF8AndSize(object, NULL);
    if (name == NULL)
        return NULL;
    const struct clone *clones[3];
    for (int i = usable_clones(clones) - 1; i >= 0; i--)
        if (strcmp(clones[i]->name, name) == 0) {
            active_clone = clones[i];
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "no instruction set %s on this processor", name);
}

static PyMethodDef methods[] = {
    {"instruction_sets", core_instruction_sets, METH_NOARGS, NULL},
    {"instruction_set", core_instruction_set, METH_NOARGS, NULL},
    {"use_instruction_set", core_use_instruction_set, METH_O, NULL},
    {"measure", core_measure, METH_VARARGS, NULL},
    {"correlate", (PyCFunction)(void (*)(void))core_correlate, METH_VARARGS | METH_KEYWORDS, NULL},
    {"fourier", core_fourier, METH_VARARGS, NULL},
    {"pool", (PyCFunction)(void (*)(void))core_pool, METH_VARARGS | METH_KEYWORDS, NULL},
    {"entropy", core_entropy, METH_O, NULL},
    {"png_filtered", core_png_filtered, METH_VARARGS, NULL},
    {"png_strip", core_png_strip, METH_VARARGS, NULL},
    {"png_decoder", core_png_decoder, METH_VARARGS, NULL},
    {"png_decode", core_png_decode, METH_VARARGS, NULL},
    {"png_unfilter", core_png_unfilter, METH_VARARGS, NULL},
    {"layer_products", core_layer_products, METH_VARARGS, NULL},
    {"layer_depthwise", core_layer_depthwise, METH_VARARGS, NULL},
    {"layer_winograd", core_layer_winograd, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int select_best_clone(PyObject *module)
{
    (void)module;
    const struct clone *clones[3];
    usable_clones(clones);
    active_clone = clones[0];
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, select_best_clone}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "convcli.compiled.core", .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit_core(void)
{
    return PyModuleDef_Init(&definition);
}
