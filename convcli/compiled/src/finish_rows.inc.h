/* What becomes of a row of values of one type: V, VNAME(name), VALUE_IS_INTEGER; of integers BYTE_LEVEL, the
   type of the levels of bytes; of floats FABS, VALUE_MAX and VALUE_ROUNDER. All are undefined at the end. */
#if VALUE_IS_INTEGER
#define ABSOLUTE(value) ((V)((value) < 0 ? -(value) : (value)))
#define IS_NAN(value) false
#else
#define ABSOLUTE(value) FABS(value)
#define IS_NAN(value) ((value) != (value))
#endif

/* Write values as they are, into the dtype of the output. */
#define STORE(format, type)                                                                                    \
    case format:                                                                                               \
        for (ptrdiff_t i = 0; i < count; i++)                                                                  \
            ((type *)out)[i] = (type)values[i];                                                                \
        break;
static void VNAME(store)(char format, const V *values, char *out, ptrdiff_t count)
{
    switch (format) {
        STORE('h', int16_t)
        STORE('i', int32_t)
        STORE('q', int64_t)
        STORE('f', float)
        STORE('d', double)
    }
}
#undef STORE

#if VALUE_IS_INTEGER
static void VNAME(measure)(const V *values, ptrdiff_t count, struct tally *tally)
{
    V low = values[0], high = values[0];
    int64_t total = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    for (ptrdiff_t i = 0; i < count; i++)
        total += values[i];
    tally->lowest = low < tally->lowest ? low : tally->lowest;
    tally->highest = high > tally->highest ? high : tally->highest;
    tally->total += (double)total;
    tally->finite += count;
}

/* Write at most RENDERED values as pixels; the type of their levels holds twice white, and the counts. */
#define DEFINE_WRITE(name, type, level_type)                                                                   \
    static void VNAME(name)(const struct rendering *how, const V *values, type *pixels, ptrdiff_t count,       \
                            struct tally *tally)                                                               \
    {                                                                                                          \
        level_type white = (level_type)how->white, beyond = (level_type)(2 * white + 2);                       \
        level_type offset = (level_type)((white + 1) / 2), above = 0, below = 0;                               \
        if (how->mapping == MAP_CENTER)                                                                        \
            for (ptrdiff_t i = 0; i < count; i++) {                                                            \
                level_type level = (level_type)(values[i] < -beyond ? -beyond : values[i]);                    \
                level = (level_type)((level > beyond ? beyond : level) + offset);                              \
                WRITE_LEVEL(level, pixels[i], type)                                                            \
            }                                                                                                  \
        else if (how->mapping == MAP_ABS)                                                                      \
            for (ptrdiff_t i = 0; i < count; i++) {                                                            \
                level_type level = (level_type)(values[i] < 0 ? -values[i] : values[i]);                       \
                WRITE_LEVEL(level, pixels[i], type)                                                            \
            }                                                                                                  \
        else                                                                                                   \
            for (ptrdiff_t i = 0; i < count; i++) {                                                            \
                level_type level = (level_type)values[i];                                                      \
                WRITE_LEVEL(level, pixels[i], type)                                                            \
            }                                                                                                  \
        tally->above += above;                                                                                 \
        tally->below += below;                                                                                 \
    }
DEFINE_WRITE(write_u8, uint8_t, BYTE_LEVEL)
DEFINE_WRITE(write_u16, uint16_t, int32_t)
#undef DEFINE_WRITE
#else
/* The extremes and the number of finite values, of every COMPARED-th value. */
struct VNAME(extremes) {
    V low[COMPARED], high[COMPARED];
    int32_t finite[COMPARED];
};

static inline void VNAME(compare)(const V *values, struct VNAME(extremes) *extremes)
{
    for (int k = 0; k < COMPARED; k++) {
        bool is_finite = FABS(values[k]) <= VALUE_MAX;
        V less = is_finite ? values[k] : INFINITY, more = is_finite ? values[k] : -INFINITY;
        extremes->low[k] = less < extremes->low[k] ? less : extremes->low[k];
        extremes->high[k] = more > extremes->high[k] ? more : extremes->high[k];
        extremes->finite[k] += is_finite;
    }
}

/* Measure at most RENDERED values. Their sum is that of eight sums: it does not depend on the width of vectors. */
static void VNAME(measure)(const V *values, ptrdiff_t count, struct tally *tally)
{
    struct VNAME(extremes) extremes;
    V rest[COMPARED];
    for (int k = 0; k < COMPARED; k++) {
        extremes.low[k] = INFINITY, extremes.high[k] = -INFINITY, extremes.finite[k] = 0;
        rest[k] = k < count % COMPARED ? values[count - count % COMPARED + k] : (V)NAN;
    }
    for (ptrdiff_t i = 0; i + COMPARED <= count; i += COMPARED)
        VNAME(compare)(values + i, &extremes);
    VNAME(compare)(rest, &extremes);
    ptrdiff_t i = 0, finite = 0;
    for (int k = 0; k < COMPARED; k++) {
        tally->lowest = extremes.low[k] < tally->lowest ? extremes.low[k] : tally->lowest;
        tally->highest = extremes.high[k] > tally->highest ? extremes.high[k] : tally->highest;
        finite += extremes.finite[k];
    }
    double sums[8] = {0};
    for (; finite == count && i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++)
            sums[k] += values[i + k];
    for (; i < count; i++)
        sums[i % 8] += FABS(values[i]) <= VALUE_MAX ? (double)values[i] : 0.0;
    for (int k = 0; k < 8; k++)
        tally->total += sums[k];
    tally->finite += finite;
}

/* Write floats that are neither scaled, centered nor stretched: rounded half to even; NaN gives 0 and is counted. */
#define DEFINE_WRITE(name, type)                                                                               \
    static void VNAME(name)(const struct rendering *how, const V *values, type *pixels, ptrdiff_t count,       \
                            struct tally *tally)                                                               \
    {                                                                                                          \
        const V whole = 3 * (V)VALUE_ROUNDER; /* added and subtracted, it leaves no fraction */                \
        V most = (V)how->white + 1;                                                                            \
        int32_t white = how->white, above = 0, below = 0, nan = 0;                                             \
        bool is_absolute = how->mapping == MAP_ABS;                                                            \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                \
            V value = is_absolute ? FABS(values[i]) : values[i];                                               \
            nan += value != value;                                                                             \
            value = value > -1 ? value : -1; /* so is NaN */                                                   \
            value = value < most ? value : most;                                                               \
            int32_t level = (int32_t)((value + whole) - whole);                                                \
            int32_t dark = level < white ? level : white, pixel = dark < 0 ? 0 : dark;                         \
            above += level - dark; /* by 1 at most, as below */                                                \
            below += pixel - dark;                                                                             \
            pixels[i] = (type)pixel;                                                                           \
        }                                                                                                      \
        tally->above += above;                                                                                 \
        tally->below += below - nan;                                                                           \
        tally->nan += nan;                                                                                     \
    }
DEFINE_WRITE(write_u8, uint8_t)
DEFINE_WRITE(write_u16, uint16_t)
#undef DEFINE_WRITE
#endif

/* Values as doubles, scaled. */
static void VNAME(scale)(const struct rendering *how, const V *values, double *scaled, ptrdiff_t count)
{
    double scale = how->scale, bias = how->bias;
    if (!how->scaled)
        for (ptrdiff_t i = 0; i < count; i++)
            scaled[i] = values[i];
    else
        for (ptrdiff_t i = 0; i < count; i++)
            scaled[i] = values[i] * scale + bias;
    if (how->relu)
        for (ptrdiff_t i = 0; i < count; i++)
            scaled[i] = scaled[i] < 0 ? 0 : scaled[i];
}

/* Write values as pixels of the output; add a fourth sample to three where it has them. */
static void VNAME(write)(const struct correlation *job, const V *values, char *to, ptrdiff_t count, struct tally *tally)
{
    bool add_fourth = job->out_samples > job->channels;
    uint16_t packed[RENDERED];
    void *pixels = add_fourth ? (void *)packed : to;
    if (job->out_format == 'B') {
        VNAME(write_u8)(&job->rendering, values, pixels, count, tally);
        if (add_fourth)
            CLONE(add_fourth_u8)(pixels, (uint8_t *)to, count / 3);
    } else {
        VNAME(write_u16)(&job->rendering, values, pixels, count, tally);
        if (add_fourth)
            CLONE(add_fourth_u16)(packed, (uint16_t *)to, count / 3);
    }
}

/* Whether the levels follow from the values themselves; otherwise doubles are scaled and mapped first. */
static bool VNAME(is_direct)(const struct rendering *how)
{
    bool is_mapped = how->mapping == MAP_STRETCH || how->mapping == MAP_GRAY
                     || (how->mapping == MAP_CENTER && !VALUE_IS_INTEGER);
    return !how->scaled && !how->relu && !is_mapped;
}

/* Finish `count` values of a row of the output, whose first is number `first` of the row. */
static void VNAME(finish)(const struct correlation *job, const V *values, ptrdiff_t row, ptrdiff_t first,
                          ptrdiff_t count, struct tally *tally)
{
    const struct rendering *how = &job->rendering;
    bool add_fourth = job->out_samples > job->channels, is_direct = VNAME(is_direct)(how);
    char *out = NULL;
    if (job->out != NULL)
        out = job->out + row * job->out_row_distance
              + (add_fourth ? first / 3 * 4 : first) * item_size(job->out_format);
    if (how->mapping == MAP_VALUES) {
        VNAME(store)(job->out_format, values, out, count);
        return;
    }
    for (ptrdiff_t some, done = 0; done < count; done += some) {
        some = count - done < RENDERED ? count - done : RENDERED;
        ptrdiff_t samples = add_fourth ? done / 3 * 4 : done, bytes = samples * item_size(job->out_format);
        if (is_direct) {
            if (how->statistics)
                VNAME(measure)(values + done, some, tally);
            if (how->mapping != MAP_RANGE)
                VNAME(write)(job, values + done, out + bytes, some, tally);
            continue;
        }
        double scaled[RENDERED];
        VNAME(scale)(how, values + done, scaled, some);
        if (how->statistics)
            CLONE(measure_of_d)(scaled, some, tally);
        if (how->mapping == MAP_RANGE)
            continue;
        CLONE(map_doubles)(how, scaled, some);
        CLONE(write_of_d)(job, scaled, out + bytes, some, tally);
    }
}

/* Combine the response of a kernel with those before it. */
static void VNAME(combine)(enum combination combination, V *total, const V *response, ptrdiff_t count, bool is_first)
{
    if (combination == STRONGEST && !is_first)
        for (ptrdiff_t i = 0; i < count; i++)
            total[i] = total[i] > response[i] || IS_NAN(total[i]) ? total[i] : response[i];
    else if (combination == ABSOLUTE_SUM && !is_first)
        for (ptrdiff_t i = 0; i < count; i++)
            total[i] = (V)(total[i] + ABSOLUTE(response[i]));
    else if (combination == ABSOLUTE_MAXIMUM && !is_first)
        for (ptrdiff_t i = 0; i < count; i++) {
            V value = ABSOLUTE(response[i]);
            total[i] = total[i] > value || IS_NAN(total[i]) ? total[i] : value;
        }
    else if (combination == ABSOLUTE_SUM || combination == ABSOLUTE_MAXIMUM)
        for (ptrdiff_t i = 0; i < count; i++)
            total[i] = ABSOLUTE(response[i]);
    else
        memcpy(total, response, (size_t)count * sizeof *total);
}

/* The root of the sum of the squares of responses, which are `distance` apart. */
#define DEFINE_MAGNITUDES(name, type, root)                                                                    \
    static void VNAME(name)(const V *responses, ptrdiff_t distance, int kernels, type *values, ptrdiff_t count)\
    {                                                                                                          \
        if (kernels == 2) { /* as nearly always: in one loop */                                                \
            const V *second = responses + distance;                                                            \
            for (ptrdiff_t i = 0; i < count; i++)                                                              \
                values[i] = root((type)responses[i] * (type)responses[i] + (type)second[i] * (type)second[i]); \
            return;                                                                                            \
        }                                                                                                      \
        memset(values, 0, (size_t)count * sizeof *values);                                                     \
        for (int n = 0; n < kernels; n++, responses += distance)                                               \
            for (ptrdiff_t i = 0; i < count; i++)                                                              \
                values[i] += (type)responses[i] * (type)responses[i];                                          \
        for (ptrdiff_t i = 0; i < count; i++)                                                                  \
            values[i] = root(values[i]);                                                                       \
    }
DEFINE_MAGNITUDES(single_magnitudes, float, sqrtf)
DEFINE_MAGNITUDES(double_magnitudes, double, sqrt)
#undef DEFINE_MAGNITUDES

/* Finish the magnitudes of the responses in a row, in pieces that stay in the first cache. */
static void VNAME(finish_magnitudes)(const struct correlation *job, const V *responses, ptrdiff_t distance,
                                     ptrdiff_t row, ptrdiff_t first, ptrdiff_t count, struct tally *tally)
{
    for (ptrdiff_t some, done = 0; done < count; done += some) {
        float single[RENDERED];
        double wide[RENDERED];
        some = count - done < RENDERED ? count - done : RENDERED;
        if (job->single_squares)
            VNAME(single_magnitudes)(responses + done, distance, job->kernel_count, single, some);
        else
            VNAME(double_magnitudes)(responses + done, distance, job->kernel_count, wide, some);
        if (job->double_magnitude) {
            CLONE(finish_of_d)(job, wide, row, first + done, some, tally);
            continue;
        }
        for (ptrdiff_t i = 0; !job->single_squares && i < some; i++)
            single[i] = (float)wide[i];
        CLONE(finish_of_f)(job, single, row, first + done, some, tally);
    }
}

#undef ABSOLUTE
#undef IS_NAN
#undef FABS
#undef V
#undef VNAME
#undef VALUE_IS_INTEGER
#undef BYTE_LEVEL
#undef VALUE_MAX
#undef VALUE_ROUNDER
