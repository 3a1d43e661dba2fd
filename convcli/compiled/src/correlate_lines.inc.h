/* Rows of padded pixels of type P, T or narrower, and their correlation in T: PNAME(name). Narrower pixels are widened
   when they are loaded. P and PNAME are undefined at the end. */

#ifdef __GNUC__
typedef P PNAME(pixels) __attribute__((vector_size(VECTOR_BYTES / sizeof(T) * sizeof(P)), aligned(sizeof(P)), may_alias));
#define LOAD(from) WIDEN(*(const PNAME(pixels) *)(from), NAME(vector))
#else
#define LOAD(from) ((T)*(from))
#endif

/* Compute VECTORS vectors in each of ROWS rows from column x on. */
#define ADD_TAP(row, mask)                                                                                     \
    if ((mask) >> (row) & 1) {                                                                                 \
        NAME(vector) tap = BROADCAST(entry->taps[row]);                                                        \
        UNROLLED for (int v = 0; v < VECTORS; v++) sums[row][v] += pixels[v] * tap;                            \
    }
#define ADD_RUN(mask)                                                                                          \
    case mask:                                                                                                 \
        for (; entry < end; entry++) {                                                                         \
            const P *from = pixel_row + entry->offset;                                                         \
            NAME(vector) pixels[VECTORS];                                                                      \
            UNROLLED for (int v = 0; v < VECTORS; v++) pixels[v] = LOAD(from + v * LANES); \
            ADD_TAP(0, mask) ADD_TAPS_BELOW(mask)                                                              \
        }                                                                                                      \
        break;
#define DEFINE_BLOCK(name)                                                                                     \
    static inline void PNAME(name)(const struct NAME(plan) *plan, const P *const *lines, T *const *out,          \
                                  ptrdiff_t x)                                                                 \
    {                                                                                                          \
        NAME(vector) sums[ROWS][VECTORS];                                                                      \
        UNROLLED for (int row = 0; row < ROWS; row++)                                                          \
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[row][v] = BROADCAST((TAP)0);                       \
        const struct NAME(entry) *entry = plan->entries;                                                       \
        for (const struct NAME(tap_run) *run = plan->runs; run < plan->runs + plan->run_count; run++) {         \
            const P *pixel_row = lines[run->row] + x;                                                          \
            const struct NAME(entry) *end = entry + run->count;                                                \
            switch (run->mask) { RUN_CASES }                                                                   \
        }                                                                                                      \
        UNROLLED for (int row = 0; row < ROWS; row++)                                                          \
            UNROLLED for (int v = 0; v < VECTORS; v++) *(NAME(unaligned) *)(out[row] + x + v * LANES) = sums[row][v]; \
    }

#define ROWS 4
#define ADD_TAPS_BELOW(mask) ADD_TAP(1, mask) ADD_TAP(2, mask) ADD_TAP(3, mask)
#define RUN_CASES                                                                                              \
    ADD_RUN(1) ADD_RUN(2) ADD_RUN(3) ADD_RUN(4) ADD_RUN(5) ADD_RUN(6) ADD_RUN(7) ADD_RUN(8) ADD_RUN(9)         \
    ADD_RUN(10) ADD_RUN(11) ADD_RUN(12) ADD_RUN(13) ADD_RUN(14) ADD_RUN(15)
#define VECTORS BLOCK_VECTORS
DEFINE_BLOCK(wide_block)
#undef VECTORS
#define VECTORS 1
DEFINE_BLOCK(narrow_block)
#undef VECTORS
#undef ROWS
#undef ADD_TAPS_BELOW
#undef RUN_CASES
#define ROWS 1
#define ADD_TAPS_BELOW(mask)
#define RUN_CASES ADD_RUN(1)
#define VECTORS BLOCK_VECTORS
DEFINE_BLOCK(wide_line)
#undef VECTORS
#define VECTORS 1
DEFINE_BLOCK(narrow_line)
#undef VECTORS
#undef ROWS
#undef ADD_TAPS_BELOW
#undef RUN_CASES
#undef ADD_TAP
#undef ADD_RUN
#undef DEFINE_BLOCK

/* Compute `count` sums in each row of a block. The last vector ends with the row, so that nothing is written behind
   it; only rows shorter than a vector need room for one. */
static void PNAME(run_plan)(const struct NAME(plan) *plan, int block_rows, const P *const *lines, T *const *out,
                           ptrdiff_t count)
{
    ptrdiff_t x = 0, wide = BLOCK_VECTORS * LANES, last = count > LANES ? count - LANES : 0;
    if (block_rows == 1) {
        for (; x + wide <= count; x += wide)
            PNAME(wide_line)(plan, lines, out, x);
        for (; x < count; x += LANES)
            PNAME(narrow_line)(plan, lines, out, x < last ? x : last);
        return;
    }
    ptrdiff_t lead = (ptrdiff_t)(-(uintptr_t)out[0] % (LANES * sizeof(T)) / sizeof(T));
    if (lead > 0 && count > wide) {
        PNAME(narrow_block)(plan, lines, out, 0);
        x = lead; /* stores that cross a cache line take twice the time */
    }
    for (; x + wide <= count; x += wide)
        PNAME(wide_block)(plan, lines, out, x);
    for (; x < count; x += LANES)
        PNAME(narrow_block)(plan, lines, out, x < last ? x : last);
}

#if IS_INTEGER /* whose sums do not depend on the order of the terms */
#include "correlate_3x3.inc.h"
#endif

/* Convert `count` pixels to the type of the lines. */
#define CONVERT(format, type)                                                                                  \
    case format:                                                                                               \
        if (is_packed) {                                                                                       \
            const type *values = (const type *)from;                                                           \
            for (ptrdiff_t i = 0; i < count * channels; i++)                                                   \
                to[i] = (P)values[i];                                                                          \
        } else                                                                                                 \
            for (ptrdiff_t i = 0; i < count; i++, from += job->pixel_distance)                                 \
                for (ptrdiff_t channel = 0; channel < channels; channel++)                                     \
                    *to++ = (P)((const type *)from)[channel];                                                  \
        break;
static void PNAME(convert)(const struct correlation *job, const char *from, P *to, ptrdiff_t count)
{
    ptrdiff_t channels = job->channels;
    uint8_t packed[3 * PACKED_PIXELS + 16];
    if (job->source_format == 'B' && channels == 3 && job->pixel_distance == 4) {
        for (ptrdiff_t first = 0; first < count; first += PACKED_PIXELS) {
            ptrdiff_t some = count - first < PACKED_PIXELS ? count - first : PACKED_PIXELS;
            CLONE(drop_fourth)((const uint8_t *)from + 4 * first, packed, some);
            for (ptrdiff_t i = 0; i < 3 * some; i++)
                to[3 * first + i] = (P)packed[i];
        }
        return;
    }
    bool is_packed = job->pixel_distance == job->samples * item_size(job->source_format) && job->samples == channels;
    switch (job->source_format) {
        CONVERT('B', uint8_t)
        CONVERT('b', int8_t)
        CONVERT('H', uint16_t)
        CONVERT('h', int16_t)
        CONVERT('I', uint32_t)
        CONVERT('i', int32_t)
        CONVERT('Q', uint64_t)
        CONVERT('q', int64_t)
        CONVERT('f', float)
        CONVERT('d', double)
    }
}
#undef CONVERT

/* Fill `count` pixels of a padded row, from a position on. */
static void PNAME(fill_pixels)(const struct correlation *job, ptrdiff_t row, ptrdiff_t position, ptrdiff_t count, P *to)
{
    ptrdiff_t channels = job->channels, end = position + count;
    int64_t source_row = job->rows[row];
    for (ptrdiff_t n = 0; n < job->column_run_count; n++) {
        const struct column_run *run = job->column_runs + n;
        ptrdiff_t first = run->position > position ? run->position : position;
        ptrdiff_t last = run->position + run->length < end ? run->position + run->length : end;
        if (first >= last)
            continue;
        P *into = to + (first - position) * channels;
        if (source_row < 0 || run->source < 0) {
            for (ptrdiff_t i = 0; i < (last - first) * channels; i++)
                into[i] = (P)job->border;
            continue;
        }
        const char *from = job->source + source_row * job->row_distance
                           + (run->source + first - run->position) * job->pixel_distance;
        PNAME(convert)(job, from, into, last - first);
    }
}

/* Split a row into the phases of the horizontal stride, each of `length` pixels. */
static void PNAME(split_phases)(const P *row, ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t stride, ptrdiff_t length, P *to)
{
    for (ptrdiff_t phase = 0; phase < stride; phase++) {
        P *into = to + phase * length * channels;
        for (ptrdiff_t pixel = phase; pixel < pixels; pixel += stride, into += channels)
            for (ptrdiff_t channel = 0; channel < channels; channel++)
                into[channel] = row[pixel * channels + channel];
    }
}
#undef LOAD
#undef WIDEN
#undef P
#undef PNAME
