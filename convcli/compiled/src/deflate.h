/* Compressing bytes into a deflate stream (RFC 1951) by runs of equal bytes and Huffman codes. */
#ifndef CONVCLI_DEFLATE_H
#define CONVCLI_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LITERALS = 256, END_OF_BLOCK = 256, SYMBOLS = 286, FIXED_SYMBOLS = 288, LENGTH_SYMBOLS = 19, MAX_RUN = 258, MIN_RUN = 3 };
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
    uint8_t lengths[SYMBOLS + 1]; /* code lengths of symbols and of the only distance, packed by repetition */
    uint8_t extra[SYMBOLS + 1];
    int packed, symbols, code_lengths;
    struct huffman code;
    int bits; /* size of the head */
};
void head_make(struct block_head *head, const uint8_t *lengths);
void head_write(const struct block_head *head, struct bit_writer *writer);

/* A run of bytes that equal the byte before them. */
struct run {
    uint32_t start, length;
};

/* Compresses bytes that are appended to `bytes`, block by block. */
struct deflater {
    uint8_t *bytes;         /* those of the current block */
    size_t capacity, count; /* how many there may be, and how many there are */
    size_t found, symbols;  /* among how many of them runs have been found, and how many symbols these are */
    uint64_t *equal;        /* one bit per byte of those in which runs are being found */
    struct run *runs;
    size_t run_count;
    uint32_t checksum; /* Adler-32 */
    struct bit_writer writer;
};

enum { DEFLATE_BYTES = 1 << 16 }; /* in which runs are found at once; they then are in the cache of a core */
enum { DEFLATER_BYTES = 1 << 20 }; /* a good capacity */
enum { BLOCK_SYMBOLS = 1 << 15 }; /* a block has at least as many, so that its codes are worth their size */

/* How many bytes a deflater may write in all for so many, with what it writes behind the end for a while. */
size_t deflate_bound(size_t count);
bool deflater_init(struct deflater *deflater, size_t capacity, uint8_t *output);
void deflater_free(struct deflater *deflater);

/* Return where the next bytes are to be written, at most `capacity`; then say how many have been. */
uint8_t *deflater_room(struct deflater *deflater, size_t count);
void deflater_append(struct deflater *deflater, size_t count);

/* End the last block of the stream, or one after which another stream can follow; return the size of all. */
size_t deflater_end(struct deflater *deflater, const uint8_t *output, bool last);

#endif
