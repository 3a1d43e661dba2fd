/* Pooling by two: windows of 2x2 pixels beside each other, which is what pooling mostly is; and copying the pixels
   that a stride leaves. Included after pool.inc.h. */

#define DEFINE_SELECT(name, type)                                                                                  \
    static void CLONE(name)(type *restrict out, const type *restrict line, ptrdiff_t pixels, ptrdiff_t step,       \
                            ptrdiff_t channels)                                                                    \
    {                                                                                                              \
        if (channels == 1)                                                                                         \
            for (ptrdiff_t i = 0; i < pixels; i++)                                                                 \
                out[i] = line[i * step];                                                                           \
        else if (channels == 3)                                                                                    \
            for (ptrdiff_t i = 0; i < pixels; i++, line += step, out += 3)                                         \
                out[0] = line[0], out[1] = line[1], out[2] = line[2];                                              \
        else                                                                                                       \
            for (ptrdiff_t i = 0; i < pixels; i++, line += step, out += channels)                                  \
                memcpy(out, line, (size_t)channels * sizeof(type));                                                \
    }
DEFINE_SELECT(select_1, uint8_t)
DEFINE_SELECT(select_2, uint16_t)
DEFINE_SELECT(select_4, uint32_t)
DEFINE_SELECT(select_8, uint64_t)

/* Three bytes of every pixel; four are copied where another pixel follows, which is faster. */
static void CLONE(select_rgb)(uint8_t *restrict out, const uint8_t *restrict line, ptrdiff_t pixels, ptrdiff_t step)
{
    for (ptrdiff_t i = 0; i < pixels - 1; i++)
        memcpy(out + 3 * i, line + i * step, 4);
    memcpy(out + 3 * (pixels - 1), line + (pixels - 1) * step, 3);
}

static void CLONE(pool_select)(void *out, const void *line, ptrdiff_t pixels, ptrdiff_t step, ptrdiff_t channels,
                               ptrdiff_t itemsize)
{
    if (step == channels)
        memmove(out, line, (size_t)(pixels * channels * itemsize));
    else if (itemsize == 1 && channels == 3)
        CLONE(select_rgb)(out, line, pixels, step);
    else if (itemsize == 1)
        CLONE(select_1)(out, line, pixels, step, channels);
    else if (itemsize == 2)
        CLONE(select_2)(out, line, pixels, step, channels);
    else if (itemsize == 4)
        CLONE(select_4)(out, line, pixels, step, channels);
    else
        CLONE(select_8)(out, line, pixels, step, channels);
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

/* All windows of 2x2 in a block, at every pixel, and then every second of them; gray pixels, whose pairs are the halves
   of a wider word, give them directly. */
#define DEFINE_HALVE(name, type, pair_type, combine)                                                               \
    static void CLONE(name##_gray)(type *restrict out, const char *top, const char *bottom, ptrdiff_t outputs)     \
    {                                                                                                              \
        const int half = 8 * (int)sizeof(type);                                                                    \
        for (ptrdiff_t i = 0; i < outputs; i++) {                                                                  \
            pair_type above, below;                                                                                \
            memcpy(&above, top + i * (ptrdiff_t)sizeof(pair_type), sizeof(pair_type));                             \
            memcpy(&below, bottom + i * (ptrdiff_t)sizeof(pair_type), sizeof(pair_type));                          \
            pair_type a = (type)above, b = (pair_type)(above >> half);                                             \
            pair_type c = (type)below, d = (pair_type)(below >> half);                                             \
            out[i] = CLONE(combine)(a, b, c, d);                                                               \
        }                                                                                                          \
    }                                                                                                              \
    static void CLONE(name)(void *out, const char *top, const char *bottom, ptrdiff_t outputs, ptrdiff_t step,     \
                            ptrdiff_t channels)                                                                    \
    {                                                                                                              \
        if (step == 1) {                                                                                           \
            CLONE(name##_gray)(out, top, bottom, outputs);                                                         \
            return;                                                                                                \
        }                                                                                                          \
        type block[4 * POOL_BLOCK];                                                                                \
        ptrdiff_t block_outputs = 4 * POOL_BLOCK / (2 * step);                                                     \
        for (ptrdiff_t first = 0; first < outputs; first += block_outputs) {                                       \
            ptrdiff_t length = outputs - first < block_outputs ? outputs - first : block_outputs;                  \
            const type *above = (const type *)top + first * 2 * step;                                              \
            const type *below = (const type *)bottom + first * 2 * step;                                           \
            ptrdiff_t count = (2 * length - 2) * step + channels;                                                  \
            for (ptrdiff_t i = 0; i < count; i++)                                                                  \
                block[i] = CLONE(combine)(above[i], below[i], above[i + step], below[i + step]);               \
            CLONE(pool_select)((type *)out + first * channels, block, length, 2 * step, channels, sizeof(type));   \
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
    .select = CLONE(pool_select),
};
