/* What becomes of a row of values of one type: V, VNAME(name), VALUE_IS_INTEGER; of floats FABS, VALUE_MAX and
   VALUE_ROUNDER. All are undefined at the end. */
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

/* Levels before saturation. */
static void VNAME(level)(const struct rendering *how, const V *values, int32_t *levels, ptrdiff_t count,
                         struct tally *tally)
{
    (void)tally;
    int32_t beyond = 2 * how->white + 2, offset = (how->white + 1) / 2;
    if (how->mapping == MAP_CENTER)
        for (ptrdiff_t i = 0; i < count; i++) {
            int32_t value = values[i] < -beyond ? -beyond : values[i];
            levels[i] = (value > beyond ? beyond : value) + offset;
        }
    else if (how->mapping == MAP_ABS)
        for (ptrdiff_t i = 0; i < count; i++)
            levels[i] = values[i] < 0 ? -values[i] : values[i];
    else
        for (ptrdiff_t i = 0; i < count; i++)
            levels[i] = values[i];
}
#else
/* The sum of a row is the sum of eight sums, so that it does not depend on the width of vectors. */
static void VNAME(measure)(const V *values, ptrdiff_t count, struct tally *tally)
{
    double sums[8] = {0};
    V low = INFINITY, high = -INFINITY;
    int64_t finite = 0;
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++) {
            V value = values[i + k];
            sums[k] += FABS(value) <= VALUE_MAX ? (double)value : 0.0;
        }
    for (; i < count; i++)
        sums[i % 8] += FABS(values[i]) <= VALUE_MAX ? (double)values[i] : 0.0;
    for (i = 0; i < count; i++) {
        V value = values[i];
        bool is_finite = FABS(value) <= VALUE_MAX;
        V less = is_finite ? value : INFINITY, more = is_finite ? value : -INFINITY;
        low = less < low ? less : low;
        high = more > high ? more : high;
        finite += is_finite;
    }
    tally->lowest = low < tally->lowest ? low : tally->lowest;
    tally->highest = high > tally->highest ? high : tally->highest;
    for (int k = 0; k < 8; k++)
        tally->total += sums[k];
    tally->finite += finite;
}

/* Floats that are neither scaled, centered nor stretched: rounded half to even; NaN gives 0 and is counted. */
static void VNAME(level)(const struct rendering *how, const V *values, int32_t *levels, ptrdiff_t count,
                         struct tally *tally)
{
    const V whole = 3 * (V)VALUE_ROUNDER; /* added and subtracted, it leaves no fraction */
    V most = how->white + 2;
    int32_t nan = 0;
    bool is_absolute = how->mapping == MAP_ABS;
    for (ptrdiff_t i = 0; i < count; i++) {
        V value = values[i];
        nan += value != value;
        value = value != value ? 0 : value;
        value = is_absolute ? FABS(value) : value;
        value = value < -2 ? -2 : value;
        value = value > most ? most : value;
        levels[i] = (int32_t)((value + whole) - whole);
    }
    tally->nan += nan;
}
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

/* Whether the levels follow from the values themselves; otherwise doubles are scaled and mapped first. */
static bool VNAME(is_direct)(const struct rendering *how)
{
    bool is_mapped = how->mapping == MAP_STRETCH || (how->mapping == MAP_CENTER && !VALUE_IS_INTEGER);
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
        int32_t levels[RENDERED];
        some = count - done < RENDERED ? count - done : RENDERED;
        if (is_direct) {
            if (how->statistics)
                VNAME(measure)(values + done, some, tally);
            if (how->mapping == MAP_RANGE)
                continue;
            VNAME(level)(how, values + done, levels, some, tally);
        } else {
            double scaled[RENDERED];
            VNAME(scale)(how, values + done, scaled, some);
            if (how->statistics)
                CLONE(measure_of_d)(scaled, some, tally);
            if (how->mapping == MAP_RANGE)
                continue;
            CLONE(map_doubles)(how, scaled, some);
            CLONE(level_of_d)(how, scaled, levels, some, tally);
        }
        ptrdiff_t samples = add_fourth ? done / 3 * 4 : done;
        if (job->out_format == 'B')
            CLONE(write_u8)(how, levels, (uint8_t *)out + samples, some, add_fourth, tally);
        else
            CLONE(write_u16)(how, levels, (uint16_t *)out + samples, some, add_fourth, tally);
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

/* Add the squares of a response. */
#define DEFINE_ADD_SQUARES(name, type)                                                                         \
    static void VNAME(name)(type *total, const V *response, ptrdiff_t count, bool is_first)                    \
    {                                                                                                          \
        if (is_first)                                                                                          \
            for (ptrdiff_t i = 0; i < count; i++)                                                              \
                total[i] = (type)response[i] * (type)response[i];                                              \
        else                                                                                                   \
            for (ptrdiff_t i = 0; i < count; i++)                                                              \
                total[i] += (type)response[i] * (type)response[i];                                             \
    }
DEFINE_ADD_SQUARES(add_single_squares, float)
DEFINE_ADD_SQUARES(add_double_squares, double)
#undef DEFINE_ADD_SQUARES

#undef ABSOLUTE
#undef IS_NAN
#undef FABS
#undef V
#undef VNAME
#undef VALUE_IS_INTEGER
#undef VALUE_MAX
#undef VALUE_ROUNDER
