/* The smallest and the largest value of pixels. */
#define DEFINE_EXTREMES(name, type)                                                                            \
    static void CLONE(name)(const type *values, ptrdiff_t count, int *lowest, int *highest)                    \
    {                                                                                                          \
        type low = values[0], high = values[0];                                                                \
        for (ptrdiff_t i = 1; i < count; i++) {                                                                \
            low = values[i] < low ? values[i] : low;                                                           \
            high = values[i] > high ? values[i] : high;                                                        \
        }                                                                                                      \
        *lowest = low < *lowest ? low : *lowest;                                                               \
        *highest = high > *highest ? high : *highest;                                                          \
    }
DEFINE_EXTREMES(extremes_u8, uint8_t)
DEFINE_EXTREMES(extremes_u16, uint16_t)
#undef DEFINE_EXTREMES
