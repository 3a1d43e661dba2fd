/* Rows of pixels as PNG stores them: filtered, each with the type of its filter in front. */
#ifndef CONVCLI_PNG_H
#define CONVCLI_PNG_H

#include "images.h"
#include "png_loops.h"

enum { PNG_MARGIN = 64 }; /* zeros in front of the bytes of a row; a pixel has at most 8 bytes */
enum { PNG_MAX_CHANNELS = 4 };

/* The bytes of rows of a picture, in the order of PNG: a group of rows at a time, with the row above them. */
struct png_rows {
    struct image pixels, alpha;
    bool has_alpha;
    Py_ssize_t pixel_bytes, row_bytes; /* the latter without the type of the filter */
    Py_ssize_t pitch, group;           /* distance of rows in `memory`, and how many there can be in a group */
    uint8_t *memory;
    Py_ssize_t loaded; /* the row behind the last one in `memory`, or -1 */
};

/* Open a picture from Python's arguments; on failure set an exception and return false. */
bool png_rows_open(struct png_rows *rows, PyObject *pixels, Py_ssize_t channels, PyObject *alpha);
void png_rows_close(struct png_rows *rows);
bool png_rows_check(const struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop);
void png_rows_load(struct png_rows *rows, Py_ssize_t start, Py_ssize_t stop); /* at most `group` rows */

/* The bytes of a row of the group; number -1 is the row above it. */
static inline const uint8_t *png_row(const struct png_rows *rows, Py_ssize_t number)
{
    return rows->memory + (number + 1) * rows->pitch + PNG_MARGIN;
}

/* Of the filters in a set (a bit for each type), the one with the smallest sum of absolute values in a row. */
int png_smallest_filter(const uint8_t *raw, const uint8_t *above, Py_ssize_t step, Py_ssize_t count, unsigned types,
                        uint8_t *filtered);

/* The set of types from which to choose by `png_smallest_filter` in each row of the group: one, or all. */
unsigned png_choose_types(const struct png_rows *rows, Py_ssize_t count);

/* Bits that an ideal code takes for symbols that occur so often, in units of 1 / 65536. */
uint64_t png_entropy(const uint32_t counts[256]);
#endif
