/* Correlation of rows in one working type: T, WRAPPING (T without sign, if it is an integer: what lies behind the pixels
   of a short row is added, too, and may be anything), TAP (a tap as it is broadcast), NAME(name). */

#ifdef __GNUC__
typedef WRAPPING NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef WRAPPING NAME(unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
typedef TAP NAME(broadcast) __attribute__((vector_size(VECTOR_BYTES)));
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(T)))
#define BROADCAST(tap) ((NAME(vector))((tap) - (NAME(broadcast)){0}))
#define UNROLLED _Pragma("GCC unroll 4")
#else
typedef T NAME(vector);
typedef T NAME(unaligned);
#define LANES ((ptrdiff_t)1)
#define BROADCAST(tap) ((T)(tap))
#define UNROLLED
#endif

/* The taps of a pixel that several outputs read: the rows of the block whose bit is set in the run's mask. */
struct NAME(entry) {
    ptrdiff_t offset;
    TAP taps[BLOCK_ROWS];
};

/* Consecutive entries of the same row of pixels and the same mask. */
struct NAME(tap_run) {
    ptrdiff_t row, count;
    int mask;
};

/* How a block of rows is computed. The order of the entries is the same for each output: by row, then column. */
struct NAME(plan) {
    struct NAME(entry) *entries;
    struct NAME(tap_run) *runs;
    ptrdiff_t run_count;
};

/* Plan a block of `block_rows` outputs for the taps with index first to last; offsets[j] is where column j is. */
static bool NAME(make_plan)(struct NAME(plan) *plan, const struct taps *taps, ptrdiff_t first, ptrdiff_t last,
                            int block_rows, ptrdiff_t stride)
{
    ptrdiff_t line_count = (block_rows - 1) * stride + extent_of(taps->height, taps->dilation);
    ptrdiff_t most = (last - first) * block_rows, entry_count = 0;
    plan->run_count = 0;
    plan->entries = malloc((size_t)(most > 0 ? most : 1) * sizeof *plan->entries);
    plan->runs = malloc((size_t)(most > 0 ? most : 1) * sizeof *plan->runs);
    if (plan->entries == NULL || plan->runs == NULL)
        return false;
    for (ptrdiff_t line = 0; line < line_count; line++)
        for (ptrdiff_t j = 0; j < taps->width; j++) {
            struct NAME(entry) entry = {.offset = taps->offsets[j]};
            int mask = 0;
            for (int output = 0; output < block_rows; output++) {
                ptrdiff_t down = line - output * stride, i = down / taps->dilation;
                if (down < 0 || down % taps->dilation != 0 || i >= taps->height)
                    continue;
                ptrdiff_t index = i * taps->width + j;
                if (index < first || index >= last || taps->values[index] == 0)
                    continue;
                mask |= 1 << output;
                entry.taps[output] = TAP_OF(taps->values[index]);
            }
            if (mask == 0)
                continue;
            struct NAME(tap_run) *run = plan->runs + plan->run_count - 1;
            if (plan->run_count == 0 || run->row != line || run->mask != mask)
                plan->runs[plan->run_count++] = (struct NAME(tap_run)){line, 1, mask};
            else
                run->count++;
            plan->entries[entry_count++] = entry;
        }
    return true;
}

static void NAME(free_plan)(struct NAME(plan) *plan)
{
    free(plan->entries);
    free(plan->runs);
}

/* Compute VECTORS vectors in each of ROWS rows from column x on. */
#define ADD_TAP(row, mask)                                                                                     \
    if ((mask) >> (row) & 1) {                                                                                 \
        NAME(vector) tap = BROADCAST(entry->taps[row]);                                                        \
        UNROLLED for (int v = 0; v < VECTORS; v++) sums[row][v] += pixels[v] * tap;                            \
    }
#define ADD_RUN(mask)                                                                                          \
    case mask:                                                                                                 \
        for (; entry < end; entry++) {                                                                         \
            const T *from = pixel_row + entry->offset;                                                         \
            NAME(vector) pixels[VECTORS];                                                                      \
            UNROLLED for (int v = 0; v < VECTORS; v++) pixels[v] = *(const NAME(unaligned) *)(from + v * LANES); \
            ADD_TAP(0, mask) ADD_TAPS_BELOW(mask)                                                              \
        }                                                                                                      \
        break;
#define DEFINE_BLOCK(name)                                                                                     \
    static inline void NAME(name)(const struct NAME(plan) *plan, const T *const *lines, T *const *out,          \
                                  ptrdiff_t x)                                                                 \
    {                                                                                                          \
        NAME(vector) sums[ROWS][VECTORS];                                                                      \
        UNROLLED for (int row = 0; row < ROWS; row++)                                                          \
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[row][v] = BROADCAST((TAP)0);                       \
        const struct NAME(entry) *entry = plan->entries;                                                       \
        for (const struct NAME(tap_run) *run = plan->runs; run < plan->runs + plan->run_count; run++) {         \
            const T *pixel_row = lines[run->row] + x;                                                          \
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
static void NAME(run_plan)(const struct NAME(plan) *plan, int block_rows, const T *const *lines, T *const *out,
                           ptrdiff_t count)
{
    ptrdiff_t x = 0, wide = BLOCK_VECTORS * LANES, last = count > LANES ? count - LANES : 0;
    if (block_rows == 1) {
        for (; x + wide <= count; x += wide)
            NAME(wide_line)(plan, lines, out, x);
        for (; x < count; x += LANES)
            NAME(narrow_line)(plan, lines, out, x < last ? x : last);
        return;
    }
    for (; x + wide <= count; x += wide)
        NAME(wide_block)(plan, lines, out, x);
    for (; x < count; x += LANES)
        NAME(narrow_block)(plan, lines, out, x < last ? x : last);
}

/* Convert `count` pixels to the working type. */
#define CONVERT(format, type)                                                                                  \
    case format:                                                                                               \
        if (is_packed) {                                                                                       \
            const type *values = (const type *)from;                                                           \
            for (ptrdiff_t i = 0; i < count * channels; i++)                                                   \
                to[i] = (T)values[i];                                                                          \
        } else                                                                                                 \
            for (ptrdiff_t i = 0; i < count; i++, from += job->pixel_distance)                                 \
                for (ptrdiff_t channel = 0; channel < channels; channel++)                                     \
                    *to++ = (T)((const type *)from)[channel];                                                  \
        break;
static void NAME(convert)(const struct correlation *job, const char *from, T *to, ptrdiff_t count)
{
    ptrdiff_t channels = job->channels;
    uint8_t packed[3 * PACKED_PIXELS + 16];
    if (job->source_format == 'B' && channels == 3 && job->pixel_distance == 4) {
        for (ptrdiff_t first = 0; first < count; first += PACKED_PIXELS) {
            ptrdiff_t some = count - first < PACKED_PIXELS ? count - first : PACKED_PIXELS;
            CLONE(drop_fourth)((const uint8_t *)from + 4 * first, packed, some);
            for (ptrdiff_t i = 0; i < 3 * some; i++)
                to[3 * first + i] = (T)packed[i];
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
static void NAME(fill_pixels)(const struct correlation *job, ptrdiff_t row, ptrdiff_t position, ptrdiff_t count, T *to)
{
    ptrdiff_t channels = job->channels, end = position + count;
    int64_t source_row = job->rows[row];
    for (ptrdiff_t n = 0; n < job->column_run_count; n++) {
        const struct column_run *run = job->column_runs + n;
        ptrdiff_t first = run->position > position ? run->position : position;
        ptrdiff_t last = run->position + run->length < end ? run->position + run->length : end;
        if (first >= last)
            continue;
        T *into = to + (first - position) * channels;
        if (source_row < 0 || run->source < 0) {
            for (ptrdiff_t i = 0; i < (last - first) * channels; i++)
                into[i] = (T)job->border;
            continue;
        }
        const char *from = job->source + source_row * job->row_distance
                           + (run->source + first - run->position) * job->pixel_distance;
        NAME(convert)(job, from, into, last - first);
    }
}

/* Split a row into the phases of the horizontal stride, each of `length` pixels. */
static void NAME(split_phases)(const T *row, ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t stride, ptrdiff_t length, T *to)
{
    for (ptrdiff_t phase = 0; phase < stride; phase++) {
        T *into = to + phase * length * channels;
        for (ptrdiff_t pixel = phase; pixel < pixels; pixel += stride, into += channels)
            for (ptrdiff_t channel = 0; channel < channels; channel++)
                into[channel] = row[pixel * channels + channel];
    }
}
