/* core.fourier: a matrix of complex numbers transformed, or multiplied by factors in between. */
#include "clones.h"
#include "methods.h"
#include "scratch.h"
#include <math.h>

#define MAX_SIDE ((Py_ssize_t)1 << 16)
#define MAX_MATRICES 4
#define PANEL_GAP 64 /* values: the same places of both panels are not in the same lines of the cache */

/* Check a matrix of the shape of the first one, whose sides are powers of two. */
static bool check_matrix(const Py_buffer *matrix, const Py_buffer *first)
{
    if (matrix->ndim != 2 || matrix->format == NULL || matrix->format[0] != 'd' || matrix->format[1] != '\0'
        || (uintptr_t)matrix->buf % sizeof(double) != 0)
        return refuse("matrices must be float64");
    for (int axis = 0; axis < 2; axis++) {
        Py_ssize_t side = matrix->shape[axis];
        if (side < FOURIER_MIN || side > MAX_SIDE || (side & (side - 1)) != 0)
            return refuse("sides must be powers of two, from %d to %zd", FOURIER_MIN, MAX_SIDE);
        if (side != first->shape[axis])
            return refuse("matrices must have one shape");
    }
    return true;
}

static bool run(struct fourier *task)
{
    task->parts = task->rows > task->columns ? task->rows : task->columns;
    struct scratch scratch;
    size_t side = (size_t)task->parts;
    size_t panel = FOURIER_MIN * side + PANEL_GAP;
    if (!scratch_take(&scratch, (2 * panel + 2 * side) * sizeof(double))) {
        PyErr_NoMemory();
        return false;
    }
    task->panel = (double *)scratch.memory;
    task->panel_distance = (ptrdiff_t)panel;
    double *cosines = task->panel + 2 * panel, *sines = cosines + side;
    task->cosines = cosines, task->sines = sines;
    Py_BEGIN_ALLOW_THREADS
    for (size_t part = 0; part < side; part++) {
        double angle = 8 * atan(1) * (double)part / (double)side;
        cosines[part] = cos(angle), sines[part] = sin(angle);
    }
    active_clone->fourier(task);
    Py_END_ALLOW_THREADS
    scratch_return(&scratch);
    return true;
}

PyObject *core_fourier(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[MAX_MATRICES] = {NULL};
    Py_buffer matrices[MAX_MATRICES];
    if (!PyArg_ParseTuple(arguments, "OO|OO", objects, objects + 1, objects + 2, objects + 3))
        return NULL;
    int count = objects[2] == NULL ? 2 : MAX_MATRICES, acquired = 0;
    bool is_valid = count == 2 || objects[3] != NULL || refuse("factors have two parts");
    for (int n = 0; is_valid && n < count; n++) {
        int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (n < 2 ? PyBUF_WRITABLE : 0);
        is_valid = PyObject_GetBuffer(objects[n], matrices + n, flags) == 0;
        acquired += is_valid;
        is_valid = is_valid && check_matrix(matrices + n, matrices);
        for (int other = 0; is_valid && other < n && other < 2; other++)
            is_valid = !buffers_overlap(matrices + n, matrices + other) || refuse("matrices overlap");
    }
    if (is_valid) {
        struct fourier task = {
            .real = matrices[0].buf,
            .imaginary = matrices[1].buf,
            .factor_real = count == 2 ? NULL : matrices[2].buf,
            .factor_imaginary = count == 2 ? NULL : matrices[3].buf,
            .rows = matrices[0].shape[0],
            .columns = matrices[0].shape[1],
        };
        is_valid = run(&task);
    }
    while (acquired > 0)
        PyBuffer_Release(matrices + --acquired);
    if (!is_valid)
        return NULL;
    Py_RETURN_NONE;
}
