/* Decompressing a zlib stream (RFC 1950 and 1951) part by part. */
#ifndef CONVCLI_INFLATE_H
#define CONVCLI_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INFLATE_PADDING = 8 };            /* bytes behind the input that may be read with it */
enum { INFLATE_WINDOW = 1 << 15 };       /* bytes before the output to which matches may refer */
enum { INFLATE_MARGIN = 258 + 32 };      /* bytes behind the output that may be written, too */

enum inflate_state { INFLATE_MORE, INFLATE_DONE, INFLATE_DAMAGED };

enum { LITERAL_TABLE_BITS = 11, DISTANCE_TABLE_BITS = 8 };
enum { LITERAL_ENTRIES = (1 << 11) + 144 * (1 << 4), DISTANCE_ENTRIES = (1 << 8) + 16 * (1 << 7) };

struct bit_reader {
    const uint8_t *next, *end; /* of the input; INFLATE_PADDING bytes follow the end */
    uint64_t bits;
    unsigned count; /* valid bits in `bits`; those above may be set, too */
    size_t overrun; /* bytes that have been taken from behind the end */
};

struct inflater {
    struct bit_reader reader;
    bool in_block, is_stored, is_last;
    size_t stored;    /* bytes that are left of a stored block */
    uint32_t literals[LITERAL_ENTRIES], distances[DISTANCE_ENTRIES];
};

/* Begin with a stream; return whether its head is that of a zlib stream without a dictionary. */
bool inflate_start(struct inflater *inflater, const uint8_t *input, size_t count);

/* Write output from `*output` up to about `limit`, at most INFLATE_MARGIN bytes more; matches refer to no byte
   before `first`. DONE at the end of the last block, before the checksum. */
enum inflate_state inflate_some(struct inflater *inflater, const uint8_t *first, uint8_t **output, const uint8_t *limit);

/* Return the checksum behind the last block in `checksum`, and whether it is there, and the end of the input. */
bool inflate_checksum(struct inflater *inflater, uint32_t *checksum);

#endif
