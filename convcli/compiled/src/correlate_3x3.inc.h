/* A column and a row of three taps each, applied to a block of rows while it is in registers: each row of pixels is read
   once. Integers only, as their sums do not depend on the order of the terms. Included by correlate_lines.inc.h. */

/* Three vectors, weighted by three taps; `kind` is known when this is compiled. */
static inline NAME(vector) PNAME(weigh)(enum triple kind, const NAME(vector) *taps, NAME(vector) first,
                                        NAME(vector) middle, NAME(vector) last)
{
    switch (kind) {
    case DIFFERENCE:
        return last - first;
    case BINOMIAL:
        return first + middle + middle + last;
    default:
        return first * taps[0] + middle * taps[1] + last * taps[2];
    }
}

/* Compute `count` sums in each row of a block, the last vector as run_plan does. */
static inline void PNAME(slide_3x3)(enum triple across, enum triple down, const struct kernel *kernel,
                                    const ptrdiff_t *offsets, const P *const *lines, T *const *out, ptrdiff_t count)
{
    NAME(vector) row[3], column[3];
    for (int n = 0; n < 3; n++) {
        row[n] = BROADCAST(TAP_OF(kernel->row[n]));
        column[n] = BROADCAST(TAP_OF(kernel->column[n]));
    }
    ptrdiff_t last = count > LANES ? count - LANES : 0;
    ptrdiff_t lead = (ptrdiff_t)(-(uintptr_t)out[0] % (LANES * sizeof(T)) / sizeof(T));
    for (ptrdiff_t next, x = 0; x < count; x = next) {
        next = x == 0 && lead > 0 ? lead : x + LANES; /* from there on, no store crosses a cache line */
        ptrdiff_t start = x < last ? x : last;
        NAME(vector) sums[BLOCK_ROWS + 2];
        UNROLLED for (int line = 0; line < BLOCK_ROWS + 2; line++) {
            const P *from = lines[line] + start;
            sums[line] = PNAME(weigh)(across, row, LOAD(from + offsets[0]), LOAD(from + offsets[1]),
                                      LOAD(from + offsets[2]));
        }
        UNROLLED for (int n = 0; n < BLOCK_ROWS; n++)
            *(NAME(unaligned) *)(out[n] + start) = PNAME(weigh)(down, column, sums[n], sums[n + 1], sums[n + 2]);
    }
}

static enum triple PNAME(triple_of)(const double *taps)
{
    if (taps[0] == -1 && taps[1] == 0 && taps[2] == 1)
        return DIFFERENCE;
    return taps[0] == 1 && taps[1] == 2 && taps[2] == 1 ? BINOMIAL : ANY_TRIPLE;
}

#define CASE(across, down)                                                                                     \
    case 3 * across + down:                                                                                    \
        PNAME(slide_3x3)(across, down, kernel, offsets, lines, out, count);                                    \
        break;
static void PNAME(run_3x3)(const struct kernel *kernel, const ptrdiff_t *offsets, const P *const *lines,
                           T *const *out, ptrdiff_t count)
{
    switch (3 * PNAME(triple_of)(kernel->row) + PNAME(triple_of)(kernel->column)) {
        CASE(DIFFERENCE, DIFFERENCE) CASE(DIFFERENCE, BINOMIAL) CASE(DIFFERENCE, ANY_TRIPLE)
        CASE(BINOMIAL, DIFFERENCE) CASE(BINOMIAL, BINOMIAL) CASE(BINOMIAL, ANY_TRIPLE)
        CASE(ANY_TRIPLE, DIFFERENCE) CASE(ANY_TRIPLE, BINOMIAL) CASE(ANY_TRIPLE, ANY_TRIPLE)
    }
}
#undef CASE
