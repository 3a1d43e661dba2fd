/* Compressing bytes into a deflate stream (RFC 1951) by matches, or only by runs of equal bytes, and Huffman codes. */
#ifndef CONVCLI_DEFLATE_H
#define CONVCLI_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LITERALS = 256, END_OF_BLOCK = 256, SYMBOLS = 286, FIXED_SYMBOLS = 288, LENGTH_SYMBOLS = 19 };
enum { DISTANCES = 30, MAX_MATCH = 258, MIN_MATCH = 3 };
enum { MAX_CODE_BITS = 14 }; /* the format allows 15, but four codes of 14 bits fit in a register with 7 bits left */

static inline uint64_t load_little_endian(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline void store_little_endian(uint8_t *bytes, uint64_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(bytes, &value, 8);
}

/* Bits not yet written are in `bits`, the first one lowest. Between two calls there are less than 8. */
struct bit_writer {
    uint8_t *next;
    uint64_t bits;
    unsigned count;
};

static inline void flush_bits(struct bit_writer *writer)
{
    store_little_endian(writer->next, writer->bits);
    writer->next += writer->count >> 3;
    writer->bits >>= writer->count & ~7u;
    writer->count &= 7;
}

/* Write at most 56 bits. */
static inline void put_bits(struct bit_writer *writer, uint64_t bits, unsigned count)
{
    writer->bits |= bits << writer->count;
    writer->count += count;
    flush_bits(writer);
}

/* The codes of symbols: their bits in the order in which they are written, and how many. */
struct huffman {
    uint16_t codes[FIXED_SYMBOLS]; /* of the fixed codes the last two never occur */
    uint8_t lengths[FIXED_SYMBOLS];
};

/* Make the best code of at most `limit` bits per symbol; symbols that do not occur get none. */
void huffman_lengths(const uint32_t *counts, int symbols, int limit, uint8_t *lengths);
void huffman_codes(const uint8_t *lengths, int symbols, uint16_t *codes);

/* The head of a block with its own codes, packed by itself. */
struct block_head {
    uint8_t lengths[SYMBOLS + DISTANCES]; /* code lengths of symbols and of distances, packed by repetition */
    uint8_t extra[SYMBOLS + DISTANCES];
    int packed, symbols, distances, code_lengths;
    struct huffman code;
    int bits; /* size of the head */
};
void head_make(struct block_head *head, const uint8_t *lengths, const uint8_t *distance_lengths);
void head_write(const struct block_head *head, struct bit_writer *writer);

/* A length or a distance as the format has it: a symbol, and a number of extra bits with their value. */
struct coded {
    uint16_t symbol, extra_bits, extra;
};

static inline struct coded coded_length(uint32_t length)
{
    unsigned rest = length - MIN_MATCH, bits = 0;
    if (length == MAX_MATCH)
        return (struct coded){285, 0, 0};
    while (rest >> bits >= 8)
        bits++;
    return (struct coded){(uint16_t)(257 + 4 * bits + (rest >> bits)), (uint16_t)bits,
                          (uint16_t)(rest & ((1u << bits) - 1))};
}

static inline struct coded coded_distance(uint32_t distance)
{
    unsigned rest = distance - 1, bits = 0;
    while (rest >> bits >= 4)
        bits++;
    return (struct coded){(uint16_t)(2 * bits + (rest >> bits)), (uint16_t)bits,
                          (uint16_t)(rest & ((1u << bits) - 1))};
}

static inline int lowest_bit(uint64_t bits)
{
#ifdef __GNUC__
    return __builtin_ctzll(bits);
#else
    int place = 0;
    for (; (bits & 1) == 0; bits >>= 1)
        place++;
    return place;
#endif
}

/* Bytes that equal those `distance` before them; those of a run equal the byte before it. */
struct match {
    uint32_t start;
    uint16_t length, distance;
};

enum { WINDOW = 1 << 15, HASH_BITS = 15 }; /* matches lie in the window; of each hash only the last place is known */

/* Compresses bytes that are appended to `bytes`, block by block. */
struct deflater {
    uint8_t *bytes;         /* those of the current block; those of the blocks before lie in front of them */
    size_t capacity, count; /* how many there may be, and how many there are */
    size_t found, symbols;  /* among how many of them matches have been found, and how many symbols these are */
    size_t passed;          /* how many bytes came before the block */
    uint64_t *equal;        /* one bit per byte of those in which runs are being found */
    uint16_t *places;       /* the last place of each hash; NULL if only runs are to be found */
    struct match *matches;
    size_t match_count;
    uint8_t literal_bits[LITERALS]; /* code lengths in the block before */
    uint32_t checksum;              /* Adler-32 */
    struct bit_writer writer;
};

/* Find the matches in the next bytes of the block, at most DEFLATE_BYTES. */
void find_runs(struct deflater *deflater, size_t count);
void find_matches(struct deflater *deflater, size_t count);

enum { DEFLATE_BYTES = 1 << 16 }; /* in which matches are found at once; they then are in the cache of a core */
enum { DEFLATER_BYTES = 1 << 20 }; /* a good capacity */
enum { BLOCK_SYMBOLS = 1 << 15 }; /* a block has at least as many, so that its codes are worth their size */

/* How many bytes a deflater may write in all for so many, with what it writes behind the end for a while. */
size_t deflate_bound(size_t count);
bool deflater_init(struct deflater *deflater, size_t capacity, bool only_runs, uint8_t *output);
void deflater_free(struct deflater *deflater);

/* Return where the next bytes are to be written, at most `capacity`; then say how many have been. */
uint8_t *deflater_room(struct deflater *deflater, size_t count);
void deflater_append(struct deflater *deflater, size_t count);

/* End the last block of the stream, or one after which another stream can follow; return the size of all. */
size_t deflater_end(struct deflater *deflater, const uint8_t *output, bool last);

#endif
