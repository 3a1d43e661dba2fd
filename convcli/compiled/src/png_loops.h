/* The loops of the PNG encoder, which each clone has. */
#ifndef CONVCLI_PNG_LOOPS_H
#define CONVCLI_PNG_LOOPS_H

#include <stddef.h>
#include <stdint.h>

enum { PNG_NONE, PNG_SUB, PNG_UP, PNG_AVERAGE, PNG_PAETH, PNG_FILTERS };

struct png_loops {
    /* Filter bytes of a row with those of the row above and those `step` bytes, a pixel, further left. */
    void (*filter)(int type, const uint8_t *raw, const uint8_t *above, ptrdiff_t step, ptrdiff_t count,
                   uint8_t *output);
    uint64_t (*magnitude)(const uint8_t *bytes, ptrdiff_t count); /* the sum of the absolute values, signed */
    /* Bit i of `bits` says whether byte i equals the one before. Reads and writes whole words of 64. */
    void (*equal_bits)(const uint8_t *bytes, size_t count, uint64_t *bits);
    uint32_t (*adler32)(const uint8_t *bytes, size_t count, uint32_t checksum);
};

#endif
