/* The smallest and the largest value of pixels, and their sum. */
#define DEFINE_MEASURE(name, type)                                                                             \
    static void CLONE(name)(const type *values, ptrdiff_t count, struct measure *measure)                      \
    {                                                                                                          \
        for (ptrdiff_t start = 0; start < count; start += MEASURED_AT_ONCE) {                                  \
            ptrdiff_t end = count - start < MEASURED_AT_ONCE ? count : start + MEASURED_AT_ONCE;               \
            type low = values[start], high = values[start];                                                    \
            uint32_t total = 0;                                                                                \
            for (ptrdiff_t i = start; i < end; i++) {                                                          \
                low = values[i] < low ? values[i] : low;                                                       \
                high = values[i] > high ? values[i] : high;                                                    \
                total += values[i];                                                                            \
            }                                                                                                  \
            measure->lowest = low < measure->lowest ? low : measure->lowest;                                   \
            measure->highest = high > measure->highest ? high : measure->highest;                              \
            measure->total += total;                                                                           \
        }                                                                                                      \
    }
DEFINE_MEASURE(measure_u8, uint8_t)
DEFINE_MEASURE(measure_u16, uint16_t)
#undef DEFINE_MEASURE
