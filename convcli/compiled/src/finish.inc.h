/* Values become results: stored as they are, or rendered as pixels and counted on the way. */
#define RENDERED 1536 /* values that are rendered at a time; a multiple of three channels */
#define COMPARED 16 /* floats at a time, of which the smallest and the largest are found */

/* Drop the fourth sample of each pixel, or add one that is opaque. */
static void CLONE(drop_fourth)(const uint8_t *from, uint8_t *to, ptrdiff_t pixels)
{
    for (ptrdiff_t i = 0; i < pixels; i++)
        for (int channel = 0; channel < 3; channel++)
            to[3 * i + channel] = from[4 * i + channel];
}

#define DEFINE_ADD_FOURTH(name, type, opaque)                                                                  \
    static void CLONE(name)(const type *from, type *to, ptrdiff_t pixels)                                      \
    {                                                                                                          \
        for (ptrdiff_t i = 0; i < pixels; i++) {                                                               \
            for (int channel = 0; channel < 3; channel++)                                                      \
                to[4 * i + channel] = from[3 * i + channel];                                                   \
            to[4 * i + 3] = opaque;                                                                            \
        }                                                                                                      \
    }
DEFINE_ADD_FOURTH(add_fourth_u8, uint8_t, UINT8_MAX)
DEFINE_ADD_FOURTH(add_fourth_u16, uint16_t, UINT16_MAX)
#undef DEFINE_ADD_FOURTH

/* Center or stretch doubles, in place; others stay. Infinity stays infinite. */
static void CLONE(map_doubles)(const struct rendering *how, double *values, ptrdiff_t count)
{
    if (how->mapping == MAP_CENTER) {
        double offset = (how->white + 1) / 2;
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] += offset;
    } else if (how->mapping == MAP_STRETCH && how->extent > 0) {
        double lowest = how->lowest, white = how->white, extent = how->extent;
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] = (values[i] - lowest) * white / extent;
    } else if (how->mapping == MAP_STRETCH) {
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] = fabs(values[i]) <= DBL_MAX ? 0 : values[i];
    }
}

/* Saturate a level, count it if it is beyond black or white, and make it a pixel. */
#define WRITE_LEVEL(level, pixel, type)                                                                        \
    above += (level) > white;                                                                                  \
    below += (level) < 0;                                                                                      \
    level = (level) > white ? white : (level);                                                                 \
    pixel = (type)((level) < 0 ? 0 : (level));

static void CLONE(finish_of_f)(const struct correlation *job, const float *values, ptrdiff_t row, ptrdiff_t first,
                               ptrdiff_t count, struct tally *tally);

#define VALUE_IS_INTEGER 0
#define V double
#define VNAME(name) CLONE(name##_of_d)
#define FABS fabs
#define VALUE_MAX DBL_MAX
#define VALUE_ROUNDER 2251799813685248.0 /* 2^51 */
#include "finish_rows.inc.h"
#define VALUE_IS_INTEGER 0
#define V float
#define VNAME(name) CLONE(name##_of_f)
#define FABS fabsf
#define VALUE_MAX FLT_MAX
#define VALUE_ROUNDER 4194304.0f /* 2^22 */
#include "finish_rows.inc.h"
#define VALUE_IS_INTEGER 1
#define V int16_t
#define BYTE_LEVEL int16_t /* which holds any value, and more than twice white */
#define VNAME(name) CLONE(name##_of_h)
#include "finish_rows.inc.h"
#define VALUE_IS_INTEGER 1
#define V int32_t
#define BYTE_LEVEL int32_t
#define VNAME(name) CLONE(name##_of_i)
#include "finish_rows.inc.h"
#undef WRITE_LEVEL
#undef COMPARED
#undef RENDERED
