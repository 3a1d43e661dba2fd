/* Values become results: stored as they are, or rendered as pixels and counted on the way. */
#define RENDERED 1536 /* values that are rendered at a time; a multiple of three channels */

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

/* Saturate levels, count those beyond black and white, and write pixels. */
#define DEFINE_WRITE(name, type, add)                                                                          \
    static void CLONE(name)(const struct rendering *how, const int32_t *levels, type *to, ptrdiff_t count,     \
                            bool add_fourth, struct tally *tally)                                              \
    {                                                                                                          \
        type packed[RENDERED];                                                                                 \
        type *pixels = add_fourth ? packed : to;                                                               \
        int32_t white = how->white, above = 0, below = 0;                                                      \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                \
            int32_t level = levels[i];                                                                         \
            above += level > white;                                                                            \
            below += level < 0;                                                                                \
            level = level > white ? white : level;                                                             \
            pixels[i] = (type)(level < 0 ? 0 : level);                                                         \
        }                                                                                                      \
        tally->above += above;                                                                                 \
        tally->below += below;                                                                                 \
        if (add_fourth)                                                                                        \
            CLONE(add)(packed, to, count / 3);                                                                 \
    }
DEFINE_WRITE(write_u8, uint8_t, add_fourth_u8)
DEFINE_WRITE(write_u16, uint16_t, add_fourth_u16)
#undef DEFINE_WRITE

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
#define VNAME(name) CLONE(name##_of_h)
#include "finish_rows.inc.h"
#define VALUE_IS_INTEGER 1
#define V int32_t
#define VNAME(name) CLONE(name##_of_i)
#include "finish_rows.inc.h"
#undef RENDERED

static void CLONE(take_roots)(float *single, double *squares, ptrdiff_t count, bool is_single)
{
    if (is_single)
        for (ptrdiff_t i = 0; i < count; i++)
            single[i] = sqrtf(single[i]);
    else
        for (ptrdiff_t i = 0; i < count; i++)
            squares[i] = sqrt(squares[i]);
}
