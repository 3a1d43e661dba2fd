/* Values become results: stored as they are, or rendered as pixels and counted on the way. */
#define RENDERED 1536 /* values that are rendered at a time; a multiple of three channels */
#define COMPARED 16 /* floats at a time, of which the smallest and the largest are found */

#ifdef CAN_SHUFFLE
DEFINE_SHUFFLE(three_of_four, 16, 12, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0)
DEFINE_SHUFFLE(four_of_three_u8, 12, 16, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11)
DEFINE_SHUFFLE(four_of_three_u16, 12, 16, 0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10, 11, 10, 11)
#define SHUFFLED(name, to, from, size) CLONE(name)((char *)(to), (const char *)(from), size)
#else
#define SHUFFLED(name, to, from, size) 0
#endif

/* Drop the fourth sample of each pixel; 16 bytes behind the result may be written to. */
static void CLONE(drop_fourth)(const uint8_t *from, uint8_t *to, ptrdiff_t pixels)
{
    for (ptrdiff_t i = SHUFFLED(three_of_four, to, from, 4 * pixels) / 4; i < pixels; i++)
        for (int channel = 0; channel < 3; channel++)
            to[3 * i + channel] = from[4 * i + channel];
}

/* Add a fourth sample to each pixel, which is opaque. */
#define DEFINE_ADD_FOURTH(name, shuffle, type, opaque)                                                         \
    static void CLONE(name)(const type *from, type *to, ptrdiff_t pixels)                                      \
    {                                                                                                          \
        static const type fourths[16] = {[3] = opaque, [7] = opaque, [11] = opaque, [15] = opaque};            \
        const ptrdiff_t size = sizeof(type), shuffled = SHUFFLED(shuffle, to, from, 3 * size * pixels);        \
        ptrdiff_t i = 0;                                                                                       \
        for (; i + 16 <= shuffled / 3 / size * 4; i += 16)                                                     \
            for (int n = 0; n < 16; n++)                                                                       \
                to[i + n] |= fourths[n];                                                                       \
        for (i /= 4; i < pixels; i++) {                                                                        \
            for (int channel = 0; channel < 3; channel++)                                                      \
                to[4 * i + channel] = from[3 * i + channel];                                                   \
            to[4 * i + 3] = opaque;                                                                            \
        }                                                                                                      \
    }
DEFINE_ADD_FOURTH(add_fourth_u8, four_of_three_u8, uint8_t, UINT8_MAX)
DEFINE_ADD_FOURTH(add_fourth_u16, four_of_three_u16, uint16_t, UINT16_MAX)
#undef DEFINE_ADD_FOURTH
#undef SHUFFLED

/* Center, stretch or scale doubles to gray levels, in place; others stay. Infinity stays infinite. */
static void CLONE(map_doubles)(const struct rendering *how, double *values, ptrdiff_t count)
{
    if (how->mapping == MAP_CENTER) {
        double offset = (how->white + 1) / 2;
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] += offset;
    } else if (how->mapping == MAP_GRAY) {
        double offset = (how->white + 1) / 2, levels = how->lowest, magnitude = how->extent;
        for (ptrdiff_t i = 0; i < count; i++)
            values[i] = values[i] * levels / magnitude + offset;
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
