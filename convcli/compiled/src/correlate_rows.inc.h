/* Correlation of rows in one working type: T, WRAPPING (T without sign, if it is an integer: what lies behind the pixels
   of a short row is added, too, and may be anything), TAP (a tap as it is broadcast), NAME(name), IS_INTEGER. */

#ifdef __GNUC__
typedef WRAPPING NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef WRAPPING NAME(unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
typedef TAP NAME(broadcast) __attribute__((vector_size(VECTOR_BYTES)));
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(T)))
#define BROADCAST(tap) ((NAME(vector))((tap) - (NAME(broadcast)){0}))
#define UNROLLED _Pragma("GCC unroll 8")
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
