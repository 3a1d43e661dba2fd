/* Finding bytes that came before (RFC 1951): runs of equal bytes, or matches anywhere in the window. */
#include "clones.h"
#include "deflate.h"
#include "png_loops.h"

enum { HASHED = 8, RUN_BITS = 8, MATCH_BITS = 13 }; /* bytes that are hashed; about how many bits a match takes */

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

static void add_match(struct deflater *deflater, size_t start, size_t length, size_t distance)
{
    deflater->matches[deflater->match_count++] = (struct match){(uint32_t)start, (uint16_t)length, (uint16_t)distance};
    deflater->symbols -= length - 1;
}

static void add_runs(struct deflater *deflater, size_t start, size_t length)
{
    while (length >= MIN_MATCH) {
        size_t part = length < MAX_MATCH ? length : MAX_MATCH;
        add_match(deflater, start, part, 1);
        start += part;
        length -= part;
    }
}

void find_runs(struct deflater *deflater, size_t count)
{
    size_t start = deflater->found;
    uint64_t *equal = deflater->equal;
    size_t words = (count + 63) / 64;
    active_clone->png->equal_bits(deflater->bytes + start, count, equal);
    if (count % 64 != 0)
        equal[words - 1] &= ((uint64_t)1 << count % 64) - 1;
    equal[words] = 0;
    if (deflater->passed + start == 0)
        equal[0] &= ~(uint64_t)1; /* there is no byte before */
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

/* Return how many bytes, at most `most`, equal those `distance` before them; the first HASHED do. */
static size_t match_length(const uint8_t *bytes, size_t distance, size_t most)
{
    for (size_t length = 0; length < most; length += 8) {
        uint64_t difference = load_little_endian(bytes + length) ^ load_little_endian(bytes + length - distance);
        if (difference != 0) {
            length += (size_t)lowest_bit(difference) / 8;
            return length < most ? length : most;
        }
    }
    return most;
}

/* Whether a match is likely to be shorter than its bytes would be by the codes of the block before. */
static bool is_worth(const struct deflater *deflater, const uint8_t *bytes, size_t length, size_t distance)
{
    unsigned bits = 0, likely = distance == 1 ? RUN_BITS : MATCH_BITS + coded_distance((uint32_t)distance).extra_bits;
    for (size_t i = 0; i < length && bits <= likely; i++)
        bits += deflater->literal_bits[bytes[i]];
    return bits > likely;
}

/* The place of the hash of eight bytes in the table; shorter matches are hardly shorter than their bytes. */
static size_t hash(uint64_t eight)
{
    return (size_t)(eight * 0x9E3779B97F4A7C15u >> (64 - HASH_BITS));
}

/* Each hash knows the place where it came last. Places are numbers of 16 bits: one that is further away looks near,
   but what is there is compared. */
void find_matches(struct deflater *deflater, size_t count)
{
    const uint8_t *bytes = deflater->bytes;
    uint16_t *places = deflater->places;
    size_t place = deflater->found, end = place + count, before = deflater->passed;
    while (place + HASHED <= end) {
        uint64_t eight = load_little_endian(bytes + place);
        uint16_t *known = places + hash(eight), here = (uint16_t)(before + place);
        size_t distance = (uint16_t)(here - *known), most = before + place < WINDOW ? before + place : WINDOW;
        *known = here;
        if (most > 0 && load_little_endian(bytes + place - 1) == eight)
            distance = 1;
        if (distance - 1 >= most || load_little_endian(bytes + place - distance) != eight) {
            place++;
            continue;
        }
        size_t left = end - place;
        size_t length = match_length(bytes + place, distance, left < MAX_MATCH ? left : MAX_MATCH);
        size_t next = place + 1;
        if (is_worth(deflater, bytes + place, length, distance)) {
            add_match(deflater, place, length, distance);
            next = place + length;
        }
        for (place++; place < next && distance > 1 && place + HASHED <= end; place++)
            places[hash(load_little_endian(bytes + place))] = (uint16_t)(before + place);
        place = next;
    }
}
