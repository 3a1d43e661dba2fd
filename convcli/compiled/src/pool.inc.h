/* Pooling: maxima and means of windows, first down the columns, then along the rows. */
#include "pool.h"

#if defined(__clang__)
#define IGNORE_DEPENDENCIES _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define IGNORE_DEPENDENCIES _Pragma("GCC ivdep")
#else
#define IGNORE_DEPENDENCIES
#endif

enum { POOL_BLOCK = 512 }; /* samples that are combined at a time, so that what has been combined stays near */

#define LARGER(a, b) ((b) > (a) ? (b) : (a))
#define LARGER_OR_NAN(a, b) ((a) >= (b) || (a) != (a) ? (a) : (b)) /* as numpy's maximum: the first of equal ones */

#define DEFINE_POOL_MAX(name, type, larger)                                                                        \
    static void CLONE(max_rows_##name)(void *best, ptrdiff_t count, const char *rows, ptrdiff_t distance,          \
                                       ptrdiff_t row_count)                                                        \
    {                                                                                                              \
        for (ptrdiff_t first = 0; first < count; first += POOL_BLOCK) {                                            \
            ptrdiff_t length = count - first < POOL_BLOCK ? count - first : POOL_BLOCK;                            \
            const char *start = rows + first * (ptrdiff_t)sizeof(type);                                            \
            type *restrict to = (type *)best + first;                                                              \
            memcpy(to, start, (size_t)length * sizeof(type));                                                      \
            for (ptrdiff_t row = 1; row < row_count; row++) {                                                      \
                const type *restrict from = (const type *)(start + row * distance);                                \
                for (ptrdiff_t i = 0; i < length; i++)                                                             \
                    to[i] = larger(to[i], from[i]);                                                                \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    static void CLONE(max_windows_##name)(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window)           \
    {                                                                                                              \
        type *values = line;                                                                                       \
        ptrdiff_t covered = 1;                                                                                     \
        while (covered < window) { /* each step doubles the pixels that a maximum covers */                        \
            ptrdiff_t ahead = covered <= window - covered ? covered : window - covered;                            \
            const type *others = values + ahead * step;                                                            \
            ptrdiff_t length = count - (covered + ahead - 1) * step;                                               \
            IGNORE_DEPENDENCIES /* what is read has not been written */                                            \
            for (ptrdiff_t i = 0; i < length; i++)                                                                 \
                values[i] = larger(values[i], others[i]);                                                          \
            covered += ahead;                                                                                      \
        }                                                                                                          \
    }

#define DEFINE_COMBINE_ROWS(name, type, sum, convert, operation)                                                   \
    static void CLONE(name)(void *sums, ptrdiff_t count, const char *rows, ptrdiff_t distance,                     \
                            ptrdiff_t row_count)                                                                   \
    {                                                                                                              \
        for (ptrdiff_t first = 0; first < count; first += POOL_BLOCK) {                                            \
            ptrdiff_t length = count - first < POOL_BLOCK ? count - first : POOL_BLOCK;                            \
            const char *start = rows + first * (ptrdiff_t)sizeof(type);                                            \
            sum *restrict to = (sum *)sums + first;                                                                \
            for (ptrdiff_t row = 0; row < row_count; row++) {                                                      \
                const type *restrict from = (const type *)(start + row * distance);                                \
                for (ptrdiff_t i = 0; i < length; i++)                                                             \
                    to[i] = to[i] operation (sum)(convert)from[i];                                                 \
            }                                                                                                      \
        }                                                                                                          \
    }

/* Sums of windows, added from left to right in blocks; those of integers slide if the window is wide. */
#define DEFINE_SUM_BLOCKS(name, sum)                                                                               \
    static void CLONE(name)(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window)                         \
    {                                                                                                              \
        sum *values = line, total[POOL_BLOCK];                                                                     \
        count -= (window - 1) * step;                                                                              \
        for (ptrdiff_t first = 0; first < count; first += POOL_BLOCK) {                                            \
            ptrdiff_t length = count - first < POOL_BLOCK ? count - first : POOL_BLOCK;                            \
            memcpy(total, values + first, (size_t)length * sizeof(sum));                                           \
            for (ptrdiff_t tap = 1; tap < window; tap++) {                                                         \
                const sum *from = values + first + tap * step;                                                     \
                for (ptrdiff_t i = 0; i < length; i++)                                                             \
                    total[i] += from[i];                                                                           \
            }                                                                                                      \
            memcpy(values + first, total, (size_t)length * sizeof(sum));                                           \
        }                                                                                                          \
    }

#define DEFINE_SUM_SLIDING(name, sum)                                                                              \
    static void CLONE(name##_sliding)(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window)               \
    {                                                                                                              \
        ptrdiff_t last = count - window * step;                                                                    \
        for (ptrdiff_t channel = 0; channel < step; channel++) {                                                   \
            sum *values = line, total = 0;                                                                         \
            for (ptrdiff_t i = channel; i < channel + window * step; i += step)                                    \
                total += values[i];                                                                                \
            for (ptrdiff_t i = channel; i < last + step; i += step) {                                              \
                sum leaving = values[i];                                                                           \
                values[i] = total;                                                                                 \
                if (i + window * step < count)                                                                     \
                    total += values[i + window * step] - leaving;                                                  \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    static void CLONE(name)(void *line, ptrdiff_t count, ptrdiff_t step, ptrdiff_t window)                         \
    {                                                                                                              \
        if (window > 8 * VECTOR_BYTES / (ptrdiff_t)sizeof(sum) / 4)                                                \
            CLONE(name##_sliding)(line, count, step, window);                                                      \
        else                                                                                                       \
            CLONE(name##_blocks)(line, count, step, window);                                                       \
    }

/* Adding 1.5 * 2**23 to a float, or 1.5 * 2**52 to a double, and subtracting it again rounds half to even. */
#define DEFINE_DIVIDE(name, sum, type, real, big)                                                                  \
    static void CLONE(name)(void *means, const void *sums, ptrdiff_t count, ptrdiff_t pixels)                      \
    {                                                                                                              \
        const sum *restrict from = sums;                                                                           \
        type *restrict to = means;                                                                                 \
        real divisor = (real)pixels;                                                                               \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                    \
            real quotient = (real)from[i] / divisor;                                                               \
            to[i] = (type)((quotient + (real)big) - (real)big);                                                    \
        }                                                                                                          \
    }

#define DEFINE_DIVIDE_EXACTLY(name, sum, type)                                                                     \
    static void CLONE(name)(void *means, const void *sums, ptrdiff_t count, ptrdiff_t pixels)                      \
    {                                                                                                              \
        const sum *restrict from = sums;                                                                           \
        type *restrict to = means;                                                                                 \
        for (ptrdiff_t i = 0; i < count; i++)                                                                      \
            to[i] = (type)((double)from[i] / (double)pixels);                                                      \
    }

#define DEFINE_DIVIDE_LARGE(name, type)                                                                            \
    static void CLONE(name)(void *means, const void *sums, ptrdiff_t count, ptrdiff_t pixels)                      \
    {                                                                                                              \
        const int64_t *restrict from = sums;                                                                       \
        type *restrict to = means;                                                                                 \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                    \
            int64_t quotient = from[i] / pixels, rest = from[i] % pixels;                                          \
            if (rest < 0)                                                                                          \
                quotient--, rest += pixels;                                                                        \
            bool up = rest > pixels - rest || (rest == pixels - rest && quotient % 2 != 0);                        \
            to[i] = (type)(quotient + up);                                                                         \
        }                                                                                                          \
    }

DEFINE_POOL_MAX(u8, uint8_t, LARGER)
DEFINE_POOL_MAX(i8, int8_t, LARGER)
DEFINE_POOL_MAX(u16, uint16_t, LARGER)
DEFINE_POOL_MAX(i16, int16_t, LARGER)
DEFINE_POOL_MAX(u32, uint32_t, LARGER)
DEFINE_POOL_MAX(i32, int32_t, LARGER)
DEFINE_POOL_MAX(u64, uint64_t, LARGER)
DEFINE_POOL_MAX(i64, int64_t, LARGER)
DEFINE_POOL_MAX(f32, float, LARGER_OR_NAN)
DEFINE_POOL_MAX(f64, double, LARGER_OR_NAN)

#define DEFINE_ROW_SUMS(name, type, sum, convert)                                                                  \
    DEFINE_COMBINE_ROWS(add_rows_##name, type, sum, convert, +)                                                    \
    DEFINE_COMBINE_ROWS(subtract_rows_##name, type, sum, convert, -)
DEFINE_ROW_SUMS(u8_32, uint8_t, uint32_t, int32_t)
DEFINE_ROW_SUMS(i8_32, int8_t, uint32_t, int32_t)
DEFINE_ROW_SUMS(u16_32, uint16_t, uint32_t, int32_t)
DEFINE_ROW_SUMS(i16_32, int16_t, uint32_t, int32_t)
DEFINE_ROW_SUMS(u8_64, uint8_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(i8_64, int8_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(u16_64, uint16_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(i16_64, int16_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(u32_64, uint32_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(i32_64, int32_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(u64_64, uint64_t, uint64_t, int64_t)
DEFINE_ROW_SUMS(i64_64, int64_t, uint64_t, int64_t)
DEFINE_COMBINE_ROWS(add_rows_f32, float, double, double, +)
DEFINE_COMBINE_ROWS(add_rows_f64, double, double, double, +)

DEFINE_SUM_BLOCKS(sum_windows_32_blocks, uint32_t)
DEFINE_SUM_BLOCKS(sum_windows_64_blocks, uint64_t)
DEFINE_SUM_BLOCKS(sum_windows_float, double)
DEFINE_SUM_SLIDING(sum_windows_32, uint32_t)
DEFINE_SUM_SLIDING(sum_windows_64, uint64_t)

DEFINE_DIVIDE(divide_narrow_u8, int32_t, uint8_t, float, 12582912)
DEFINE_DIVIDE(divide_narrow_i8, int32_t, int8_t, float, 12582912)
DEFINE_DIVIDE(divide_narrow_u16, int32_t, uint16_t, float, 12582912)
DEFINE_DIVIDE(divide_narrow_i16, int32_t, int16_t, float, 12582912)
DEFINE_DIVIDE(divide_32_u8, int32_t, uint8_t, double, 6755399441055744)
DEFINE_DIVIDE(divide_32_i8, int32_t, int8_t, double, 6755399441055744)
DEFINE_DIVIDE(divide_32_u16, int32_t, uint16_t, double, 6755399441055744)
DEFINE_DIVIDE(divide_32_i16, int32_t, int16_t, double, 6755399441055744)
DEFINE_DIVIDE_EXACTLY(divide_32_f64, int32_t, double)
DEFINE_DIVIDE_LARGE(divide_64_u8, uint8_t)
DEFINE_DIVIDE_LARGE(divide_64_i8, int8_t)
DEFINE_DIVIDE_LARGE(divide_64_u16, uint16_t)
DEFINE_DIVIDE_LARGE(divide_64_i16, int16_t)
DEFINE_DIVIDE_LARGE(divide_64_u32, uint32_t)
DEFINE_DIVIDE_LARGE(divide_64_i32, int32_t)
DEFINE_DIVIDE_LARGE(divide_64_u64, uint64_t)
DEFINE_DIVIDE_LARGE(divide_64_i64, int64_t)
DEFINE_DIVIDE_EXACTLY(divide_64_f64, int64_t, double)
DEFINE_DIVIDE_EXACTLY(divide_float_f32, double, float)
DEFINE_DIVIDE_EXACTLY(divide_float_f64, double, double)

#define DEFINE_WEIGHTED(name, type)                                                                                \
    static void CLONE(add_products_##name)(uint64_t *restrict products, uint64_t *restrict shares,                 \
                                           ptrdiff_t pixels, const char *row, const char *weights, ptrdiff_t step, \
                                           ptrdiff_t channels)                                                     \
    {                                                                                                              \
        const type *restrict from = (const type *)row, *restrict share = (const type *)weights;                    \
        for (ptrdiff_t i = 0; i < pixels; i++, from += step, products += step) {                                   \
            shares[i] += share[i];                                                                                 \
            for (ptrdiff_t channel = 0; channel < channels; channel++)                                             \
                products[channel] += (uint32_t)from[channel] * share[i];                                           \
        }                                                                                                          \
    }                                                                                                              \
    static void CLONE(max_visible_##name)(uint16_t *restrict best, uint16_t *restrict shares, ptrdiff_t pixels,    \
                                          const char *row, const char *weights, ptrdiff_t step,                    \
                                          ptrdiff_t channels)                                                      \
    {                                                                                                              \
        const type *restrict from = (const type *)row, *restrict share = (const type *)weights;                    \
        for (ptrdiff_t i = 0; i < pixels; i++, from += step, best += step) {                                       \
            shares[i] = LARGER(shares[i], share[i]);                                                               \
            for (ptrdiff_t channel = 0; channel < channels; channel++) {                                           \
                type visible = share[i] ? from[channel] : 0;                                                       \
                best[channel] = LARGER(best[channel], visible);                                                    \
            }                                                                                                      \
        }                                                                                                          \
    }
DEFINE_WEIGHTED(u8, uint8_t)
DEFINE_WEIGHTED(u16, uint16_t)
