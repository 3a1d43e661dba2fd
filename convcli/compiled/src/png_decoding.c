/* core.png_decoder, core.png_decode: the compressed data of a PNG file becomes pixels. */
#include "png_pass.h"

#include "clones.h"
#include "inflate.h"
#include <stdlib.h>
#include <string.h>

#define DECODER "convcli png_decoder"
enum { CHUNK = 1 << 17 }; /* bytes that are decompressed at once, and then are in the cache of a core */

struct decoder {
    Py_buffer data;
    struct png_pass pass;
    struct row_buffers buffers;
    struct inflater inflater;
    uint8_t *output, *done, *next, *limit; /* decompressed bytes, those that are not yet pixels, and where more go */
    Py_ssize_t row;
    uint32_t checksum;
    bool is_busy, is_ended;
};

static void close_decoder(struct decoder *decoder)
{
    free(decoder->output);
    free(decoder->buffers.memory);
    image_release(&decoder->pass.image);
    PyBuffer_Release(&decoder->data);
    free(decoder);
}

static void destroy(PyObject *capsule)
{
    struct decoder *decoder = PyCapsule_GetPointer(capsule, DECODER);
    if (decoder != NULL)
        close_decoder(decoder);
}

PyObject *core_png_decoder(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pixels;
    Py_ssize_t channels;
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        return PyErr_NoMemory();
    if (!PyArg_ParseTuple(arguments, "y*On", &decoder->data, &pixels, &channels)) {
        free(decoder);
        return NULL;
    }
    if (!png_pass_open(&decoder->pass, pixels, channels, 0, 1)) {
        PyBuffer_Release(&decoder->data);
        free(decoder);
        return NULL;
    }
    size_t row_bytes = (size_t)decoder->pass.row_bytes, room = row_bytes > CHUNK ? row_bytes : CHUNK;
    Py_ssize_t count = decoder->data.len - INFLATE_PADDING;
    PyObject *capsule = NULL;
    decoder->checksum = 1;
    if (count < 0 || !inflate_start(&decoder->inflater, decoder->data.buf, (size_t)count))
        PyErr_SetString(PyExc_ValueError, "the compressed data is damaged");
    else if (row_buffers_init(&decoder->buffers, &decoder->pass)) {
        size_t size = INFLATE_WINDOW + row_bytes + 1 + room;
        decoder->output = decoder->done = decoder->next = malloc(size + INFLATE_MARGIN);
        if (decoder->output == NULL)
            PyErr_NoMemory();
        else {
            decoder->limit = decoder->output + size;
            capsule = PyCapsule_New(decoder, DECODER, destroy);
        }
    }
    if (capsule == NULL)
        close_decoder(decoder);
    return capsule;
}

/* Make room behind the decompressed bytes: keep those to which matches may refer, and those that are not yet pixels. */
static void make_room(struct decoder *decoder)
{
    uint8_t *keep = decoder->next - decoder->output > INFLATE_WINDOW ? decoder->next - INFLATE_WINDOW : decoder->output;
    keep = keep < decoder->done ? keep : decoder->done;
    size_t moved = (size_t)(keep - decoder->output);
    memmove(decoder->output, keep, (size_t)(decoder->next - keep));
    decoder->next -= moved;
    decoder->done -= moved;
}

/* Decompress some bytes and make rows of them. DONE when all are there and nothing else, with the right checksum. */
static enum inflate_state decode_some(struct decoder *decoder)
{
    if (decoder->limit - decoder->next < CHUNK)
        make_room(decoder);
    uint8_t *start = decoder->next, *limit = start + CHUNK < decoder->limit ? start + CHUNK : decoder->limit;
    enum inflate_state state = inflate_some(&decoder->inflater, decoder->output, &decoder->next, limit);
    decoder->checksum = active_clone->png->adler32(start, (size_t)(decoder->next - start), decoder->checksum);
    Py_ssize_t row_bytes = decoder->pass.row_bytes + 1, rows = (decoder->next - decoder->done) / row_bytes;
    Py_ssize_t left = decoder->pass.image.height - decoder->row;
    if (state == INFLATE_DAMAGED || rows > left)
        return INFLATE_DAMAGED;
    if (!png_write_rows(&decoder->pass, decoder->done, decoder->row, rows, &decoder->buffers))
        return INFLATE_DAMAGED;
    decoder->row += rows;
    decoder->done += rows * row_bytes;
    bool is_whole = rows == left && decoder->done == decoder->next;
    if (state == INFLATE_MORE)
        return rows < left || is_whole ? INFLATE_MORE : INFLATE_DAMAGED;
    uint32_t checksum;
    if (!is_whole || !inflate_checksum(&decoder->inflater, &checksum) || checksum != decoder->checksum)
        return INFLATE_DAMAGED;
    return INFLATE_DONE;
}

PyObject *core_png_decode(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule;
    int rounds;
    if (!PyArg_ParseTuple(arguments, "Oi", &capsule, &rounds))
        return NULL;
    struct decoder *decoder = PyCapsule_GetPointer(capsule, DECODER);
    if (decoder == NULL)
        return NULL;
    if (decoder->is_busy || decoder->is_ended)
        return PyErr_Format(PyExc_ValueError, "the decoder is in use, or has ended");
    enum inflate_state state = INFLATE_MORE;
    decoder->is_busy = true;
    Py_BEGIN_ALLOW_THREADS
    for (int round = 0; round < rounds && state == INFLATE_MORE; round++)
        state = decode_some(decoder);
    Py_END_ALLOW_THREADS
    decoder->is_busy = false;
    decoder->is_ended = state != INFLATE_MORE;
    if (state == INFLATE_DAMAGED)
        return PyErr_Format(PyExc_ValueError, "the compressed data is damaged");
    return PyBool_FromLong(state == INFLATE_DONE);
}
