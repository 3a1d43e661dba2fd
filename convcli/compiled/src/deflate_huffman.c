/* Huffman codes, and the head of a deflate block (RFC 1951, section 3.2.7) that states them.

   Source: A. Moffat and J. Katajainen, In-place calculation of minimum-redundancy codes (1995). */
#include "deflate.h"

enum { MAX_BITS = 15, REPEAT = 16, FEW_ZEROS = 17, MANY_ZEROS = 18, LENGTH_LIMIT = 7 };

struct counted {
    uint32_t count;
    uint16_t symbol;
};

/* Sort by count, the smallest first; equal counts stay in order. */
static void sort_counted(struct counted *items, struct counted *spare, int count)
{
    for (int shift = 0; shift < 32; shift += 8) {
        int starts[257] = {0};
        for (int i = 0; i < count; i++)
            starts[(items[i].count >> shift & 255) + 1]++;
        if (starts[1] == count)
            continue; /* all have a zero here */
        for (int i = 0; i < 256; i++)
            starts[i + 1] += starts[i];
        for (int i = 0; i < count; i++)
            spare[starts[items[i].count >> shift & 255]++] = items[i];
        memcpy(items, spare, (size_t)count * sizeof *items);
    }
}

/* Replace sorted counts by the lengths of their codes; there are at least two. */
static void minimum_redundancy(struct counted *items, int count)
{
    items[0].count += items[1].count;
    int root = 0, leaf = 2;
    for (int next = 1; next < count - 1; next++) { /* counts of inner nodes, then their parents */
        if (leaf >= count || items[root].count < items[leaf].count) {
            items[next].count = items[root].count;
            items[root++].count = (uint32_t)next;
        } else
            items[next].count = items[leaf++].count;
        if (leaf >= count || (root < next && items[root].count < items[leaf].count)) {
            items[next].count += items[root].count;
            items[root++].count = (uint32_t)next;
        } else
            items[next].count += items[leaf++].count;
    }
    items[count - 2].count = 0;
    for (int next = count - 3; next >= 0; next--) /* depths of inner nodes */
        items[next].count = items[items[next].count].count + 1;
    int available = 1, used = 0, next = count - 1;
    root = count - 2;
    for (uint32_t depth = 0; available > 0; depth++) { /* depths of leaves */
        for (; root >= 0 && items[root].count == depth; root--)
            used++;
        for (; available > used; available--)
            items[next--].count = depth;
        available = 2 * used;
        used = 0;
    }
}

void huffman_lengths(const uint32_t *counts, int symbols, int limit, uint8_t *lengths)
{
    struct counted items[SYMBOLS], spare[SYMBOLS];
    int count = 0;
    for (int symbol = 0; symbol < symbols; symbol++)
        if (counts[symbol] > 0)
            items[count++] = (struct counted){counts[symbol], (uint16_t)symbol};
    for (int symbol = 0; symbol < symbols; symbol++)
        lengths[symbol] = 0;
    if (count < 2) {
        if (count == 1)
            lengths[items[0].symbol] = 1;
        return;
    }
    sort_counted(items, spare, count);
    minimum_redundancy(items, count);
    int per_length[MAX_BITS + 1] = {0};
    for (int i = 0; i < count; i++)
        per_length[items[i].count < (uint32_t)limit ? items[i].count : (uint32_t)limit]++;
    int total = 0; /* of all codes, in units of the smallest part of the code space */
    for (int length = 1; length <= limit; length++)
        total += per_length[length] << (limit - length);
    for (; total > 1 << limit; total--) { /* codes that were too long took too much: make others longer */
        int length = limit - 1;
        while (per_length[length] == 0)
            length--;
        per_length[length]--;
        per_length[length + 1] += 2;
        per_length[limit]--;
    }
    for (int length = limit, i = 0; length > 0; length--)
        for (int left = per_length[length]; left > 0; left--)
            lengths[items[i++].symbol] = (uint8_t)length;
}

void huffman_codes(const uint8_t *lengths, int symbols, uint16_t *codes)
{
    unsigned next[MAX_BITS + 2] = {0}, per_length[MAX_BITS + 1] = {0};
    for (int symbol = 0; symbol < symbols; symbol++)
        per_length[lengths[symbol]]++;
    per_length[0] = 0;
    for (int length = 1; length <= MAX_BITS; length++)
        next[length + 1] = (next[length] + per_length[length]) << 1;
    for (int symbol = 0; symbol < symbols; symbol++) {
        unsigned code = next[lengths[symbol]]++, reversed = 0;
        for (int bit = 0; bit < lengths[symbol]; bit++)
            reversed |= (code >> bit & 1) << (lengths[symbol] - 1 - bit);
        codes[symbol] = (uint16_t)reversed;
    }
}

static const uint8_t EXTRA_BITS[LENGTH_SYMBOLS] = {[REPEAT] = 2, [FEW_ZEROS] = 3, [MANY_ZEROS] = 7};
static const uint8_t ORDER[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static void pack(struct block_head *head, int symbol, int extra, uint32_t *counts)
{
    head->lengths[head->packed] = (uint8_t)symbol;
    head->extra[head->packed++] = (uint8_t)extra;
    counts[symbol]++;
}

/* Pack a length that comes `count` times one after another. */
static void pack_repeated(struct block_head *head, int length, int count, uint32_t *counts)
{
    if (length != 0) {
        pack(head, length, 0, counts);
        count--;
    }
    while (count >= 3) {
        int most = length != 0 ? 6 : 138, part = count < most ? count : most;
        int symbol = length != 0 ? REPEAT : part <= 10 ? FEW_ZEROS : MANY_ZEROS;
        pack(head, symbol, part - (symbol == MANY_ZEROS ? 11 : 3), counts);
        count -= part;
    }
    for (; count > 0; count--)
        pack(head, length, 0, counts);
}

void head_make(struct block_head *head, const uint8_t *lengths, const uint8_t *distance_lengths)
{
    uint8_t all[SYMBOLS + DISTANCES];
    uint32_t counts[LENGTH_SYMBOLS] = {0};
    head->symbols = SYMBOLS;
    while (lengths[head->symbols - 1] == 0)
        head->symbols--; /* the end of the block always has a code */
    head->distances = DISTANCES;
    while (head->distances > 1 && distance_lengths[head->distances - 1] == 0)
        head->distances--;
    int total = head->symbols + head->distances;
    memcpy(all, lengths, (size_t)head->symbols);
    memcpy(all + head->symbols, distance_lengths, (size_t)head->distances);
    head->packed = 0;
    for (int start = 0, end; start < total; start = end) {
        for (end = start + 1; end < total && all[end] == all[start]; end++)
            ;
        pack_repeated(head, all[start], end - start, counts);
    }
    huffman_lengths(counts, LENGTH_SYMBOLS, LENGTH_LIMIT, head->code.lengths);
    huffman_codes(head->code.lengths, LENGTH_SYMBOLS, head->code.codes);
    head->code_lengths = LENGTH_SYMBOLS;
    while (head->code.lengths[ORDER[head->code_lengths - 1]] == 0)
        head->code_lengths--;
    head->bits = 14 + 3 * head->code_lengths;
    for (int symbol = 0; symbol < LENGTH_SYMBOLS; symbol++)
        head->bits += (int)counts[symbol] * (head->code.lengths[symbol] + EXTRA_BITS[symbol]);
}

void head_write(const struct block_head *head, struct bit_writer *writer)
{
    put_bits(writer, (uint64_t)(head->symbols - 257), 5);
    put_bits(writer, (uint64_t)(head->distances - 1), 5);
    put_bits(writer, (uint64_t)(head->code_lengths - 4), 4);
    for (int i = 0; i < head->code_lengths; i++)
        put_bits(writer, head->code.lengths[ORDER[i]], 3);
    for (int i = 0; i < head->packed; i++) {
        int symbol = head->lengths[i];
        put_bits(writer, head->code.codes[symbol], head->code.lengths[symbol]);
        put_bits(writer, head->extra[i], EXTRA_BITS[symbol]);
    }
}
