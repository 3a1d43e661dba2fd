/* Blocks of a deflate stream (RFC 1951): runs of equal bytes are matches at distance 1, all else is literal. */
#include "clones.h"
#include "deflate.h"
#include "png_loops.h"
#include <stdlib.h>

enum { STORED = 0, FIXED = 1, DYNAMIC = 2, STORED_BYTES = 65535, DISTANCE_BITS = 1, FIXED_DISTANCE_BITS = 5 };
enum { MARGIN = 64 }; /* bytes before and after a block that may be read with it */

/* Symbol, number of extra bits and their value of each length of a run, less MIN_RUN. */
struct length_code {
    uint16_t symbol;
    uint8_t extra_bits, extra;
};

static struct length_code length_code(uint32_t length)
{
    unsigned rest = length - MIN_RUN, bits = 0;
    if (length == MAX_RUN)
        return (struct length_code){285, 0, 0};
    while (rest >> bits >= 8)
        bits++;
    return (struct length_code){(uint16_t)(257 + 4 * bits + (rest >> bits)), (uint8_t)bits,
                                (uint8_t)(rest & ((1u << bits) - 1))};
}

static int lowest_bit(uint64_t bits)
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

size_t deflate_bound(size_t count)
{
    return count + count / 1024 + 1024; /* a stored block takes 5 bytes more, and blocks have BLOCK_SYMBOLS */
}

bool deflater_init(struct deflater *deflater, size_t capacity, uint8_t *output)
{
    *deflater = (struct deflater){.capacity = capacity, .checksum = 1, .writer = {.next = output}};
    uint8_t *memory = malloc(capacity + 2 * MARGIN);
    deflater->bytes = memory == NULL ? NULL : memory + MARGIN;
    deflater->equal = malloc((DEFLATE_BYTES / 64 + 1) * sizeof *deflater->equal);
    deflater->runs = malloc((capacity / MIN_RUN + 1) * sizeof *deflater->runs);
    if (deflater->bytes == NULL || deflater->equal == NULL || deflater->runs == NULL) {
        deflater_free(deflater);
        return false;
    }
    memset(memory, 0, MARGIN);
    memset(deflater->bytes + capacity, 0, MARGIN);
    return true;
}

void deflater_free(struct deflater *deflater)
{
    free(deflater->bytes == NULL ? NULL : deflater->bytes - MARGIN);
    free(deflater->equal);
    free(deflater->runs);
    *deflater = (struct deflater){0};
}

/* Count how many bits are set one after another from a place on; behind the last word is one without any. */
static size_t ones_from(const uint64_t *words, size_t place)
{
    size_t word = place / 64;
    uint64_t zeros = ~words[word] >> place % 64;
    if (zeros != 0)
        return (size_t)lowest_bit(zeros);
    size_t count = 64 - place % 64;
    while (words[++word] == UINT64_MAX)
        count += 64;
    return count + (size_t)lowest_bit(~words[word]);
}

static void add_runs(struct deflater *deflater, size_t start, size_t length)
{
    deflater->symbols -= length;
    while (length >= MIN_RUN) {
        size_t part = length < MAX_RUN ? length : MAX_RUN;
        deflater->runs[deflater->run_count++] = (struct run){(uint32_t)start, (uint32_t)part};
        deflater->symbols++;
        start += part;
        length -= part;
    }
    deflater->symbols += length;
}

/* Find the runs in the next bytes of the block, at most DEFLATE_BYTES. */
static void find_runs(struct deflater *deflater, size_t count)
{
    size_t start = deflater->found;
    deflater->found += count;
    deflater->checksum = active_clone->png->adler32(deflater->bytes + start, count, deflater->checksum);
    uint64_t *equal = deflater->equal;
    size_t words = (count + 63) / 64;
    active_clone->png->equal_bits(deflater->bytes + start, count, equal);
    if (count % 64 != 0)
        equal[words - 1] &= ((uint64_t)1 << count % 64) - 1;
    equal[words] = 0;
    if (start == 0)
        equal[0] &= ~(uint64_t)1; /* the byte before is none of the block's */
    deflater->symbols += count;
    size_t done = 0; /* the end of the last run */
    for (size_t word = 0; word < words; word++) {
        uint64_t here = equal[word], next = equal[word + 1];
        uint64_t starts = here & (here >> 1 | next << 63) & (here >> 2 | next << 62);
        if (done > word * 64)
            starts = done >= word * 64 + 64 ? 0 : starts & UINT64_MAX << (done - word * 64);
        while (starts != 0) {
            size_t place = word * 64 + (size_t)lowest_bit(starts);
            size_t length = ones_from(equal, place);
            add_runs(deflater, start + place, length);
            done = place + length;
            starts = done >= word * 64 + 64 ? 0 : starts & UINT64_MAX << (done - word * 64);
        }
    }
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

static void count_symbols(const struct deflater *deflater, uint32_t *counts)
{
    uint32_t literals[TABLES][LITERALS] = {0};
    size_t place = 0;
    memset(counts, 0, SYMBOLS * sizeof *counts);
    for (size_t i = 0; i < deflater->run_count; i++) {
        struct run run = deflater->runs[i];
        count_literals(deflater->bytes + place, run.start - place, literals);
        counts[length_code(run.length).symbol]++;
        place = run.start + run.length;
    }
    count_literals(deflater->bytes + place, deflater->found - place, literals);
    for (int symbol = 0; symbol < LITERALS; symbol++)
        for (int table = 0; table < TABLES; table++)
            counts[symbol] += literals[table][symbol];
    counts[END_OF_BLOCK] = 1;
}

static void fixed_lengths(uint8_t *lengths)
{
    for (int symbol = 0; symbol < FIXED_SYMBOLS; symbol++)
        lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

/* Return the size in bits of all symbols of a block. */
static uint64_t coded_bits(const uint32_t *counts, const uint8_t *lengths, unsigned distance_bits)
{
    uint64_t bits = 0;
    for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
        unsigned extra = symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
        bits += (uint64_t)counts[symbol] * (lengths[symbol] + (symbol > END_OF_BLOCK ? extra + distance_bits : 0));
    }
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

static void put_block(struct deflater *deflater, const struct huffman *code, unsigned distance_bits)
{
    struct bit_writer *writer = &deflater->writer;
    size_t place = 0;
    for (size_t i = 0; i < deflater->run_count; i++) {
        struct run run = deflater->runs[i];
        put_literals(writer, deflater->bytes + place, run.start - place, code);
        struct length_code length = length_code(run.length);
        unsigned symbol_bits = code->lengths[length.symbol], literal = deflater->bytes[run.start];
        if (run.length * code->lengths[literal] <= symbol_bits + length.extra_bits + distance_bits)
            put_literals(writer, deflater->bytes + run.start, run.length, code);
        else {
            put_bits(writer, code->codes[length.symbol], symbol_bits);
            put_bits(writer, length.extra, length.extra_bits + distance_bits); /* the distance's bits are 0 */
        }
        place = run.start + run.length;
    }
    put_literals(writer, deflater->bytes + place, deflater->found - place, code);
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

static void find_all_runs(struct deflater *deflater)
{
    while (deflater->found < deflater->count) {
        size_t left = deflater->count - deflater->found;
        find_runs(deflater, left < DEFLATE_BYTES ? left : DEFLATE_BYTES);
    }
}

static void write_block(struct deflater *deflater, bool last)
{
    find_all_runs(deflater);
    uint32_t counts[SYMBOLS];
    struct huffman dynamic, fixed;
    struct block_head head;
    count_symbols(deflater, counts);
    huffman_lengths(counts, SYMBOLS, MAX_CODE_BITS, dynamic.lengths);
    head_make(&head, dynamic.lengths);
    fixed_lengths(fixed.lengths);
    uint64_t dynamic_size = (uint64_t)head.bits + coded_bits(counts, dynamic.lengths, DISTANCE_BITS);
    uint64_t fixed_size = coded_bits(counts, fixed.lengths, FIXED_DISTANCE_BITS);
    uint64_t stored_size = 8 * (uint64_t)deflater->found + 40;
    if (stored_size < dynamic_size && stored_size < fixed_size)
        put_stored(&deflater->writer, deflater->bytes, deflater->found, last);
    else {
        bool is_fixed = fixed_size <= dynamic_size;
        put_bits(&deflater->writer, last, 1);
        put_bits(&deflater->writer, is_fixed ? FIXED : DYNAMIC, 2);
        if (is_fixed) {
            huffman_codes(fixed.lengths, FIXED_SYMBOLS, fixed.codes);
            put_block(deflater, &fixed, FIXED_DISTANCE_BITS);
        } else {
            huffman_codes(dynamic.lengths, SYMBOLS, dynamic.codes);
            head_write(&head, &deflater->writer);
            put_block(deflater, &dynamic, DISTANCE_BITS);
        }
    }
    deflater->found = deflater->count = deflater->symbols = deflater->run_count = 0;
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
        find_all_runs(deflater);
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
