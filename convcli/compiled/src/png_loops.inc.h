/* The loops of the PNG encoder; png_loops.h says what they do. */
#include "deflate.h"
#include "png_loops.h"

/* Of three neighbors the one nearest to left + above - corner. If the corner lies outside the range from left to
   above, this is the end farther from it, as it is if the corner is moved to the nearer end, after which all
   differences fit in 8 bits. Inside the range it is an end that is at least twice as far from the corner as the
   other, or else the corner. */
static inline uint8_t CLONE(paeth)(uint8_t left, uint8_t above, uint8_t corner)
{
    uint8_t low = left < above ? left : above, high = left < above ? above : left;
    corner = corner < low ? low : corner > high ? high : corner;
    uint8_t to_high = (uint8_t)(high - corner), to_low = (uint8_t)(corner - low);
    uint8_t otherwise = to_low <= (uint8_t)(to_high >> 1) ? high : corner;
    return to_high <= (uint8_t)(to_low >> 1) ? low : otherwise;
}

static inline uint8_t CLONE(average)(uint8_t left, uint8_t above)
{
    return (uint8_t)((left & above) + ((uint8_t)(left ^ above) >> 1));
}

static void CLONE(png_filter)(int type, const uint8_t *restrict raw, const uint8_t *restrict above, ptrdiff_t step,
                              ptrdiff_t count, uint8_t *restrict output)
{
    switch (type) {
    case PNG_SUB:
        for (ptrdiff_t i = 0; i < count; i++)
            output[i] = (uint8_t)(raw[i] - raw[i - step]);
        break;
    case PNG_UP:
        for (ptrdiff_t i = 0; i < count; i++)
            output[i] = (uint8_t)(raw[i] - above[i]);
        break;
    case PNG_AVERAGE:
        for (ptrdiff_t i = 0; i < count; i++)
            output[i] = (uint8_t)(raw[i] - CLONE(average)(raw[i - step], above[i]));
        break;
    case PNG_PAETH:
        for (ptrdiff_t i = 0; i < count; i++)
            output[i] = (uint8_t)(raw[i] - CLONE(paeth)(raw[i - step], above[i], above[i - step]));
        break;
    default:
        memcpy(output, raw, (size_t)count);
    }
}

/* The sum of the absolute values of bytes, which are signed. */
static uint64_t CLONE(png_magnitude)(const uint8_t *bytes, ptrdiff_t count)
{
    uint64_t total = 0;
    while (count > 0) {
        uint32_t sum = 0;
        ptrdiff_t part = count < 1 << 20 ? count : 1 << 20;
        for (ptrdiff_t i = 0; i < part; i++) {
            uint8_t value = bytes[i], opposite = (uint8_t)-bytes[i];
            sum += value < opposite ? value : opposite;
        }
        total += sum;
        bytes += part;
        count -= part;
    }
    return total;
}

/* Bit i of `bits` says whether byte i equals the one before. Reads and writes whole words of 64. */
static void CLONE(equal_bits)(const uint8_t *bytes, size_t count, uint64_t *bits)
{
    uint8_t flags[64];
    for (size_t start = 0; start < count; start += 64) {
        for (size_t i = 0; i < 64; i++)
            flags[i] = bytes[start + i] == bytes[start + i - 1];
        uint64_t word = 0;
        for (int i = 0; i < 8; i++) /* the product gathers the lowest bit of each of eight bytes in the highest byte */
            word |= load_little_endian(flags + 8 * i) * 0x0102040810204080u >> 56 << 8 * i;
        bits[start / 64] = word;
    }
}

enum { ADLER_BASE = 65521, ADLER_LANES = 64, ADLER_ROUNDS = 128 };

/* Adler-32: the sum of the bytes, and the sum of all sums on the way. A round adds a byte to each lane. */
static uint32_t CLONE(adler32)(const uint8_t *bytes, size_t count, uint32_t checksum)
{
    uint64_t low = checksum & 0xFFFF, high = checksum >> 16;
    while (count >= ADLER_LANES) {
        size_t rounds = count / ADLER_LANES < ADLER_ROUNDS ? count / ADLER_LANES : ADLER_ROUNDS;
        uint16_t sums[ADLER_LANES] = {0};
        uint32_t earlier[ADLER_LANES] = {0};
        for (size_t round = 0; round < rounds; round++, bytes += ADLER_LANES)
            for (int lane = 0; lane < ADLER_LANES; lane++) {
                earlier[lane] += sums[lane];
                sums[lane] = (uint16_t)(sums[lane] + bytes[lane]);
            }
        high += low * rounds * ADLER_LANES;
        for (int lane = 0; lane < ADLER_LANES; lane++) {
            low += sums[lane];
            high += (uint64_t)ADLER_LANES * earlier[lane] + (uint64_t)(ADLER_LANES - lane) * sums[lane];
        }
        low %= ADLER_BASE;
        high %= ADLER_BASE;
        count -= rounds * ADLER_LANES;
    }
    for (; count > 0; count--) {
        low += *bytes++;
        high += low;
    }
    return (uint32_t)(high % ADLER_BASE << 16 | low % ADLER_BASE);
}

static const struct png_loops CLONE(png_loops) = {
    .filter = CLONE(png_filter),
    .magnitude = CLONE(png_magnitude),
    .equal_bits = CLONE(equal_bits),
    .adler32 = CLONE(adler32),
};
