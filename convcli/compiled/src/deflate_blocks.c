/* Blocks of a deflate stream (RFC 1951) of matches and of literals, with the codes that make them smallest. */
#include "clones.h"
#include "deflate.h"
#include "png_loops.h"
#include <stdlib.h>

enum { STORED = 0, FIXED = 1, DYNAMIC = 2, STORED_BYTES = 65535, FIXED_DISTANCE_BITS = 5 };
enum { MARGIN = 64 }; /* bytes before the window and after a block that may be read with it */

/* The codes of literals, lengths and the end of the block, and those of distances. */
struct codes {
    struct huffman symbols, distances;
};

struct counts {
    uint32_t symbols[SYMBOLS], distances[DISTANCES];
};

size_t deflate_bound(size_t count)
{
    return count + count / 1024 + 1024; /* a stored block takes 5 bytes more, and blocks have BLOCK_SYMBOLS */
}

bool deflater_init(struct deflater *deflater, size_t capacity, bool only_runs, uint8_t *output)
{
    *deflater = (struct deflater){.capacity = capacity, .checksum = 1, .writer = {.next = output}};
    uint8_t *memory = malloc(WINDOW + capacity + 2 * MARGIN);
    deflater->bytes = memory == NULL ? NULL : memory + MARGIN + WINDOW;
    deflater->equal = malloc((DEFLATE_BYTES / 64 + 1) * sizeof *deflater->equal);
    deflater->matches = malloc((capacity / MIN_MATCH + 1) * sizeof *deflater->matches);
    deflater->places = only_runs ? NULL : calloc((size_t)1 << HASH_BITS, sizeof *deflater->places);
    if (deflater->bytes == NULL || deflater->equal == NULL || deflater->matches == NULL
        || (deflater->places == NULL && !only_runs)) {
        deflater_free(deflater);
        return false;
    }
    memset(memory, 0, MARGIN + WINDOW);
    memset(deflater->bytes + capacity, 0, MARGIN);
    memset(deflater->literal_bits, 8, sizeof deflater->literal_bits);
    return true;
}

void deflater_free(struct deflater *deflater)
{
    free(deflater->bytes == NULL ? NULL : deflater->bytes - WINDOW - MARGIN);
    free(deflater->equal);
    free(deflater->matches);
    free(deflater->places);
    *deflater = (struct deflater){0};
}

enum { TABLES = 4 }; /* counted in turn, as adding to a count takes longer if it has just been added to */

static void count_literals(const uint8_t *bytes, size_t count, uint32_t counts[TABLES][LITERALS])
{
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t eight = load_little_endian(bytes);
        for (int i = 0; i < 8; i++)
            counts[i % TABLES][eight >> 8 * i & 255]++;
    }
    for (; count > 0; count--)
        counts[0][*bytes++]++;
}

static void count_symbols(const struct deflater *deflater, struct counts *counts)
{
    uint32_t literals[TABLES][LITERALS] = {0};
    size_t place = 0;
    *counts = (struct counts){0};
    for (size_t i = 0; i < deflater->match_count; i++) {
        struct match match = deflater->matches[i];
        count_literals(deflater->bytes + place, match.start - place, literals);
        counts->symbols[coded_length(match.length).symbol]++;
        counts->distances[coded_distance(match.distance).symbol]++;
        place = match.start + match.length;
    }
    count_literals(deflater->bytes + place, deflater->found - place, literals);
    for (int symbol = 0; symbol < LITERALS; symbol++)
        for (int table = 0; table < TABLES; table++)
            counts->symbols[symbol] += literals[table][symbol];
    counts->symbols[END_OF_BLOCK] = 1;
    if (deflater->match_count == 0)
        counts->distances[0] = 1; /* the format wants the length of one code at least */
}

static void make_codes(const struct counts *counts, struct codes *codes)
{
    huffman_lengths(counts->symbols, SYMBOLS, MAX_CODE_BITS, codes->symbols.lengths);
    huffman_codes(codes->symbols.lengths, SYMBOLS, codes->symbols.codes);
    huffman_lengths(counts->distances, DISTANCES, MAX_CODE_BITS, codes->distances.lengths);
    huffman_codes(codes->distances.lengths, DISTANCES, codes->distances.codes);
}

static void make_fixed_codes(struct codes *codes)
{
    for (int symbol = 0; symbol < FIXED_SYMBOLS; symbol++)
        codes->symbols.lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    memset(codes->distances.lengths, FIXED_DISTANCE_BITS, DISTANCES);
    huffman_codes(codes->symbols.lengths, FIXED_SYMBOLS, codes->symbols.codes);
    huffman_codes(codes->distances.lengths, DISTANCES, codes->distances.codes);
}

/* Return the size in bits of all symbols of a block. */
static uint64_t coded_bits(const struct counts *counts, const struct codes *codes)
{
    uint64_t bits = 0;
    for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
        unsigned extra = symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
        bits += (uint64_t)counts->symbols[symbol] * (codes->symbols.lengths[symbol] + extra);
    }
    for (unsigned symbol = 0; symbol < DISTANCES; symbol++)
        bits += (uint64_t)counts->distances[symbol] * (codes->distances.lengths[symbol] + (symbol < 4 ? 0 : symbol / 2 - 1));
    return bits;
}

static void put_literals(struct bit_writer *writer, const uint8_t *bytes, size_t count, const struct huffman *code)
{
    struct bit_writer local = *writer; /* in registers */
    for (; count >= 4; bytes += 4, count -= 4) {
        unsigned first = code->lengths[bytes[0]], second = code->lengths[bytes[1]];
        unsigned third = code->lengths[bytes[2]], fourth = code->lengths[bytes[3]];
        uint64_t low = code->codes[bytes[0]] | (uint64_t)code->codes[bytes[1]] << first;
        uint64_t high = code->codes[bytes[2]] | (uint64_t)code->codes[bytes[3]] << third;
        put_bits(&local, low | high << (first + second), first + second + third + fourth);
    }
    for (; count > 0; count--, bytes++)
        put_bits(&local, code->codes[*bytes], code->lengths[*bytes]);
    *writer = local;
}

/* Whether bytes have codes as literals, which take at most so many bits. */
static bool are_short(const uint8_t *bytes, size_t count, const struct huffman *code, unsigned most)
{
    unsigned bits = 0;
    for (size_t i = 0; i < count && bits <= most; i++)
        bits += code->lengths[bytes[i]] == 0 ? most + 1 : code->lengths[bytes[i]];
    return bits <= most;
}

static void put_block(struct deflater *deflater, const struct codes *codes)
{
    const struct huffman *code = &codes->symbols;
    struct bit_writer *writer = &deflater->writer;
    const uint8_t *bytes = deflater->bytes;
    size_t place = 0;
    for (size_t i = 0; i < deflater->match_count; i++) {
        struct match match = deflater->matches[i];
        put_literals(writer, bytes + place, match.start - place, code);
        struct coded length = coded_length(match.length), distance = coded_distance(match.distance);
        unsigned length_bits = code->lengths[length.symbol], distance_bits = codes->distances.lengths[distance.symbol];
        unsigned all = length_bits + length.extra_bits + distance_bits + distance.extra_bits;
        if (match.distance == 1 && are_short(bytes + match.start, match.length, code, all))
            put_literals(writer, bytes + match.start, match.length, code);
        else {
            uint64_t back = codes->distances.codes[distance.symbol] | (uint64_t)distance.extra << distance_bits;
            uint64_t long_bits = code->codes[length.symbol] | (uint64_t)length.extra << length_bits;
            put_bits(writer, long_bits | back << (length_bits + length.extra_bits), all);
        }
        place = match.start + match.length;
    }
    put_literals(writer, bytes + place, deflater->found - place, code);
    put_bits(writer, code->codes[END_OF_BLOCK], code->lengths[END_OF_BLOCK]);
}

/* Write bytes as they are; none make an empty block that ends at a whole byte. */
static void put_stored(struct bit_writer *writer, const uint8_t *bytes, size_t count, bool last)
{
    do {
        size_t part = count < STORED_BYTES ? count : STORED_BYTES;
        put_bits(writer, (uint64_t)(last && part == count), 1);
        put_bits(writer, STORED, 2);
        put_bits(writer, 0, (8 - writer->count) % 8);
        put_bits(writer, part | (~part & STORED_BYTES) << 16, 32);
        if (part > 0)
            memcpy(writer->next, bytes, part);
        writer->next += part;
        bytes += part;
        count -= part;
    } while (count > 0);
}

static void find_all(struct deflater *deflater)
{
    while (deflater->found < deflater->count) {
        size_t left = deflater->count - deflater->found, part = left < DEFLATE_BYTES ? left : DEFLATE_BYTES;
        const uint8_t *start = deflater->bytes + deflater->found;
        deflater->checksum = active_clone->png->adler32(start, part, deflater->checksum);
        deflater->symbols += part;
        if (deflater->places == NULL)
            find_runs(deflater, part);
        else
            find_matches(deflater, part);
        deflater->found += part;
    }
}

static void write_block(struct deflater *deflater, bool last)
{
    find_all(deflater);
    struct counts counts;
    struct codes dynamic, fixed;
    struct block_head head;
    count_symbols(deflater, &counts);
    make_codes(&counts, &dynamic);
    make_fixed_codes(&fixed);
    head_make(&head, dynamic.symbols.lengths, dynamic.distances.lengths);
    uint64_t dynamic_size = (uint64_t)head.bits + coded_bits(&counts, &dynamic);
    uint64_t fixed_size = coded_bits(&counts, &fixed);
    uint64_t stored_size = 8 * (uint64_t)deflater->found + 40;
    if (stored_size < dynamic_size && stored_size < fixed_size)
        put_stored(&deflater->writer, deflater->bytes, deflater->found, last);
    else {
        bool is_fixed = fixed_size <= dynamic_size;
        put_bits(&deflater->writer, last, 1);
        put_bits(&deflater->writer, is_fixed ? FIXED : DYNAMIC, 2);
        if (!is_fixed)
            head_write(&head, &deflater->writer);
        put_block(deflater, is_fixed ? &fixed : &dynamic);
    }
    for (int symbol = 0; symbol < LITERALS; symbol++) /* those that have not come are rare */
        deflater->literal_bits[symbol] = dynamic.symbols.lengths[symbol] == 0 ? MAX_CODE_BITS : dynamic.symbols.lengths[symbol];
    memmove(deflater->bytes - WINDOW, deflater->bytes - WINDOW + deflater->found, WINDOW);
    deflater->passed += deflater->found;
    deflater->found = deflater->count = deflater->symbols = deflater->match_count = 0;
}

uint8_t *deflater_room(struct deflater *deflater, size_t count)
{
    if (deflater->symbols >= BLOCK_SYMBOLS || count > deflater->capacity - deflater->count)
        write_block(deflater, false);
    return deflater->bytes + deflater->count;
}

void deflater_append(struct deflater *deflater, size_t count)
{
    deflater->count += count;
    if (deflater->count - deflater->found >= DEFLATE_BYTES)
        find_all(deflater);
}

size_t deflater_end(struct deflater *deflater, const uint8_t *output, bool last)
{
    struct bit_writer *writer = &deflater->writer;
    write_block(deflater, last);
    if (!last)
        put_stored(writer, deflater->bytes, 0, false);
    else if (writer->count > 0)
        *writer->next++ = (uint8_t)writer->bits;
    return (size_t)(writer->next - output);
}
