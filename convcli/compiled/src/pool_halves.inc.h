/* Pooling by two: windows of 2x2 pixels beside each other, which is what pooling mostly is; and copying the pixels
   that a stride leaves. Included after pool.inc.h. */

/* Copies of pixels of `bytes` bytes, which need not be aligned as a number of that size is; those of every second pixel,
   the usual stride, are faster where it is constant. */
#define DEFINE_SELECT(name, bytes)                                                                                 \
    static void CLONE(name)(char *restrict out, const char *restrict line, ptrdiff_t pixels, ptrdiff_t distance)   \
    {                                                                                                              \
        if (distance == 2 * bytes)                                                                                 \
            for (ptrdiff_t i = 0; i < pixels; i++)                                                                 \
                memcpy(out + bytes * i, line + 2 * bytes * i, bytes);                                              \
        else                                                                                                       \
            for (ptrdiff_t i = 0; i < pixels; i++)                                                                 \
                memcpy(out + bytes * i, line + distance * i, bytes);                                               \
    }
DEFINE_SELECT(select_1, 1)
DEFINE_SELECT(select_2, 2)
DEFINE_SELECT(select_4, 4)
DEFINE_SELECT(select_8, 8)

/* Pixels of `bytes` bytes, copied as `copied` bytes, which is faster, where another pixel follows. */
#define DEFINE_SELECT_COLORS(name, bytes, copied)                                                                  \
    static void CLONE(name)(char *restrict out, const char *restrict line, ptrdiff_t pixels, ptrdiff_t distance)   \
    {                                                                                                              \
        for (ptrdiff_t i = 0; i < pixels - 1; i++)                                                                 \
            memcpy(out + bytes * i, line + distance * i, copied);                                                  \
        memcpy(out + bytes * (pixels - 1), line + distance * (pixels - 1), bytes);                                 \
    }
DEFINE_SELECT_COLORS(select_3, 3, 4)
DEFINE_SELECT_COLORS(select_6, 6, 8)
DEFINE_SELECT_COLORS(select_12, 12, 16)
DEFINE_SELECT_COLORS(select_24, 24, 24)

static void CLONE(pool_select)(void *out, const void *line, ptrdiff_t pixels, ptrdiff_t step, ptrdiff_t channels,
                               ptrdiff_t itemsize)
{
    ptrdiff_t size = channels * itemsize, distance = step * itemsize;
    if (distance == size)
        memcpy(out, line, (size_t)(pixels * size));
    else if (size == 1)
        CLONE(select_1)(out, line, pixels, distance);
    else if (size == 2)
        CLONE(select_2)(out, line, pixels, distance);
    else if (size == 3)
        CLONE(select_3)(out, line, pixels, distance);
    else if (size == 4)
        CLONE(select_4)(out, line, pixels, distance);
    else if (size == 6)
        CLONE(select_6)(out, line, pixels, distance);
    else if (size == 8)
        CLONE(select_8)(out, line, pixels, distance);
    else if (size == 12)
        CLONE(select_12)(out, line, pixels, distance);
    else if (size == 24)
        CLONE(select_24)(out, line, pixels, distance);
    else
        for (ptrdiff_t i = 0; i < pixels; i++)
            memcpy((char *)out + size * i, (const char *)line + distance * i, (size_t)size);
}

/* The largest of four pixels, and their mean rounded half to even, in a type that holds their sum. */
#define DEFINE_OF_FOUR(bits, sum)                                                                                  \
    static inline sum CLONE(largest_##bits)(sum a, sum b, sum c, sum d)                                            \
    {                                                                                                              \
        sum left = a > b ? a : b, right = c > d ? c : d;                                                           \
        return left > right ? left : right;                                                                        \
    }                                                                                                              \
    static inline sum CLONE(mean_##bits)(sum a, sum b, sum c, sum d)                                               \
    {                                                                                                              \
        sum total = (sum)(a + b + c + d);                                                                          \
        return (sum)(total + 1 + (total >> 2 & 1)) >> 2;                                                           \
    }
DEFINE_OF_FOUR(8, uint16_t)
DEFINE_OF_FOUR(16, uint32_t)

/* Samples of neighboring pixels beside each other, as those of gray pixels are: rgbRGB becomes rRgGbB. */
#ifdef CAN_SHUFFLE
DEFINE_SHUFFLE(pair_rgb_8, 12, 12, 0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, 0, 0, 0, 0)
DEFINE_SHUFFLE(pair_rgbx_8, 16, 12, 0, 4, 1, 5, 2, 6, 8, 12, 9, 13, 10, 14, 0, 0, 0, 0)
DEFINE_SHUFFLE(pair_rgba_8, 16, 16, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15)
DEFINE_SHUFFLE(pair_rgb_16, 12, 12, 0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 0, 0, 0, 0)
DEFINE_SHUFFLE(pair_rgbx_16, 16, 12, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 0, 0, 0, 0)
DEFINE_SHUFFLE(pair_rgba_16, 16, 16, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15)
#endif

/* As many pairs as shuffles make; return how many bytes of the row they take. */
static ptrdiff_t CLONE(shuffle_pairs)(char *pairs, const char *row, ptrdiff_t size, ptrdiff_t step,
                                      ptrdiff_t channels, ptrdiff_t itemsize)
{
#ifdef CAN_SHUFFLE
    if (channels == 3 && step == 3)
        return (itemsize == 1 ? CLONE(pair_rgb_8) : CLONE(pair_rgb_16))(pairs, row, size);
    if (channels == 3 && step == 4)
        return (itemsize == 1 ? CLONE(pair_rgbx_8) : CLONE(pair_rgbx_16))(pairs, row, size);
    if (channels == 4 && step == 4)
        return (itemsize == 1 ? CLONE(pair_rgba_8) : CLONE(pair_rgba_16))(pairs, row, size);
#endif
    (void)pairs, (void)row, (void)size, (void)step, (void)channels, (void)itemsize;
    return 0;
}

enum { PAIR_BLOCK = 1024 }; /* bytes of pairs that are made at a time; more take longer */

/* Pairs of gray pixels are the halves of a wider word; other pixels are first sorted into such pairs. */
#define DEFINE_HALVE(name, type, pair_type, combine)                                                               \
    static void CLONE(name##_pairs)(type *restrict out, const char *top, const char *bottom, ptrdiff_t outputs)    \
    {                                                                                                              \
        const int half = 8 * (int)sizeof(type);                                                                    \
        for (ptrdiff_t i = 0; i < outputs; i++) {                                                                  \
            pair_type above, below;                                                                                \
            memcpy(&above, top + i * (ptrdiff_t)sizeof(pair_type), sizeof(pair_type));                             \
            memcpy(&below, bottom + i * (ptrdiff_t)sizeof(pair_type), sizeof(pair_type));                          \
            pair_type a = (type)above, b = (pair_type)(above >> half);                                             \
            pair_type c = (type)below, d = (pair_type)(below >> half);                                             \
            out[i] = (type)CLONE(combine)(a, b, c, d);                                                             \
        }                                                                                                          \
    }                                                                                                              \
    static void CLONE(name##_sort)(char *pairs, const char *row, ptrdiff_t outputs, ptrdiff_t step,                \
                                   ptrdiff_t channels)                                                             \
    {                                                                                                              \
        ptrdiff_t size = ((2 * outputs - 1) * step + channels) * (ptrdiff_t)sizeof(type);                          \
        ptrdiff_t bytes = CLONE(shuffle_pairs)(pairs, row, size, step, channels, sizeof(type));                    \
        ptrdiff_t done = bytes / (2 * step * (ptrdiff_t)sizeof(type));                                             \
        const type *left = (const type *)row + done * 2 * step;                                                    \
        type *to = (type *)pairs + done * 2 * channels;                                                            \
        for (; done < outputs; done++, left += 2 * step)                                                           \
            for (ptrdiff_t channel = 0; channel < channels; channel++, to += 2)                                    \
                to[0] = left[channel], to[1] = left[step + channel];                                               \
    }                                                                                                              \
    static void CLONE(name)(void *out, const char *top, const char *bottom, ptrdiff_t outputs, ptrdiff_t step,     \
                            ptrdiff_t channels)                                                                    \
    {                                                                                                              \
        if (step == 1) {                                                                                           \
            CLONE(name##_pairs)(out, top, bottom, outputs);                                                        \
            return;                                                                                                \
        }                                                                                                          \
        _Alignas(64) char above[PAIR_BLOCK + 64], below[PAIR_BLOCK + 64];                                                      \
        const ptrdiff_t most = PAIR_BLOCK / (channels * (ptrdiff_t)sizeof(pair_type));                             \
        const ptrdiff_t distance = 2 * step * (ptrdiff_t)sizeof(type);                                             \
        for (ptrdiff_t first = 0; first < outputs; first += most) {                                                \
            ptrdiff_t length = outputs - first < most ? outputs - first : most;                                    \
            CLONE(name##_sort)(above, top + first * distance, length, step, channels);                             \
            CLONE(name##_sort)(below, bottom + first * distance, length, step, channels);                          \
            CLONE(name##_pairs)((type *)out + first * channels, above, below, length * channels);                  \
        }                                                                                                          \
    }

DEFINE_HALVE(halve_max_u8, uint8_t, uint16_t, largest_8)
DEFINE_HALVE(halve_max_u16, uint16_t, uint32_t, largest_16)
DEFINE_HALVE(halve_mean_u8, uint8_t, uint16_t, mean_8)
DEFINE_HALVE(halve_mean_u16, uint16_t, uint32_t, mean_16)

static const struct pool_loops CLONE(pool_loops) = {
    .max_rows = {CLONE(max_rows_u8), CLONE(max_rows_i8), CLONE(max_rows_u16), CLONE(max_rows_i16), CLONE(max_rows_u32),
                 CLONE(max_rows_i32), CLONE(max_rows_u64), CLONE(max_rows_i64), CLONE(max_rows_f32),
                 CLONE(max_rows_f64)},
    .max_windows = {CLONE(max_windows_u8), CLONE(max_windows_i8), CLONE(max_windows_u16), CLONE(max_windows_i16),
                    CLONE(max_windows_u32), CLONE(max_windows_i32), CLONE(max_windows_u64), CLONE(max_windows_i64),
                    CLONE(max_windows_f32), CLONE(max_windows_f64)},
    .add_rows = {{CLONE(add_rows_u8_32), CLONE(add_rows_i8_32), CLONE(add_rows_u16_32), CLONE(add_rows_i16_32)},
                 {CLONE(add_rows_u8_64), CLONE(add_rows_i8_64), CLONE(add_rows_u16_64), CLONE(add_rows_i16_64),
                  CLONE(add_rows_u32_64), CLONE(add_rows_i32_64), CLONE(add_rows_u64_64), CLONE(add_rows_i64_64)},
                 {[8] = CLONE(add_rows_f32), [9] = CLONE(add_rows_f64)}},
    .subtract_rows = {{CLONE(subtract_rows_u8_32), CLONE(subtract_rows_i8_32), CLONE(subtract_rows_u16_32),
                       CLONE(subtract_rows_i16_32)},
                      {CLONE(subtract_rows_u8_64), CLONE(subtract_rows_i8_64), CLONE(subtract_rows_u16_64),
                       CLONE(subtract_rows_i16_64), CLONE(subtract_rows_u32_64), CLONE(subtract_rows_i32_64),
                       CLONE(subtract_rows_u64_64), CLONE(subtract_rows_i64_64)}},
    .sum_windows = {CLONE(sum_windows_32), CLONE(sum_windows_64), CLONE(sum_windows_float)},
    .divide = {{CLONE(divide_32_u8), CLONE(divide_32_i8), CLONE(divide_32_u16), CLONE(divide_32_i16),
                [9] = CLONE(divide_32_f64)},
               {CLONE(divide_64_u8), CLONE(divide_64_i8), CLONE(divide_64_u16), CLONE(divide_64_i16),
                CLONE(divide_64_u32), CLONE(divide_64_i32), CLONE(divide_64_u64), CLONE(divide_64_i64),
                [9] = CLONE(divide_64_f64)},
               {[8] = CLONE(divide_float_f32), [9] = CLONE(divide_float_f64)}},
    .divide_narrow = {CLONE(divide_narrow_u8), CLONE(divide_narrow_i8), CLONE(divide_narrow_u16),
                      CLONE(divide_narrow_i16)},
    .halve_max = {[0] = CLONE(halve_max_u8), [2] = CLONE(halve_max_u16)},
    .halve_mean = {[0] = CLONE(halve_mean_u8), [2] = CLONE(halve_mean_u16)},
    .add_products = {[0] = CLONE(add_products_u8), [2] = CLONE(add_products_u16)},
    .max_visible = {[0] = CLONE(max_visible_u8), [2] = CLONE(max_visible_u16)},
    .select = CLONE(pool_select),
};
