/* Decompressing a zlib stream part by part. */
#include "deflate.h"
#include "inflate.h"

enum { MAX_BITS = 15, LENGTHS = 288 + 32 };

/* An entry of a table: how many bits it takes (bits 0 to 3), how many extra bits follow (4 to 7), its kind (8 to 10)
   and its value (16 to 31). The entry of a further table has the bits that index it in place of the extra bits. */
enum kind { LITERAL, MATCH, END, TABLE, INVALID };

static inline unsigned entry_bits(uint32_t entry) { return entry & 15; }
static inline unsigned entry_extra(uint32_t entry) { return entry >> 4 & 15; }
static inline enum kind entry_kind(uint32_t entry) { return (enum kind)(entry >> 8 & 7); }
static inline uint32_t entry_value(uint32_t entry) { return entry >> 16; }

static uint32_t make_entry(unsigned bits, unsigned extra, enum kind kind, uint32_t value)
{
    return bits | extra << 4 | (uint32_t)kind << 8 | value << 16;
}

static const uint16_t LENGTH_BASES[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                          31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_EXTRA[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCE_BASES[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,    65,    97,    129,
                                            193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static uint32_t literal_entry(unsigned symbol, unsigned bits)
{
    if (symbol < 256)
        return make_entry(bits, 0, LITERAL, symbol);
    if (symbol == 256)
        return make_entry(bits, 0, END, 0);
    if (symbol > 285)
        return make_entry(bits, 0, INVALID, 0);
    return make_entry(bits, LENGTH_EXTRA[symbol - 257], MATCH, LENGTH_BASES[symbol - 257]);
}

static uint32_t distance_entry(unsigned symbol, unsigned bits)
{
    if (symbol > 29)
        return make_entry(bits, 0, INVALID, 0);
    return make_entry(bits, symbol < 4 ? 0 : symbol / 2 - 1, MATCH, DISTANCE_BASES[symbol]);
}

static uint32_t plain_entry(unsigned symbol, unsigned bits)
{
    return make_entry(bits, 0, LITERAL, symbol);
}

/* Fill a table of 1 << table_bits entries, and further tables behind it for longer codes, from code lengths; return
   whether the code is complete, or, if that may be, has at most one symbol, of one bit. */
static bool fill_table(uint32_t *table, unsigned table_bits, const uint8_t *lengths, unsigned symbols,
                       bool may_be_single, uint32_t (*entry_of)(unsigned symbol, unsigned bits))
{
    unsigned per_length[MAX_BITS + 1] = {0}, starts[MAX_BITS + 2] = {0}, space = 0;
    uint16_t sorted[LENGTHS]; /* symbols by their lengths: in this order their codes count up */
    for (unsigned symbol = 0; symbol < symbols; symbol++)
        per_length[lengths[symbol]]++;
    unsigned used = symbols - per_length[0];
    for (unsigned length = 1; length <= MAX_BITS; length++) {
        starts[length + 1] = starts[length] + per_length[length];
        space += per_length[length] << (MAX_BITS - length);
    }
    bool is_single = used == 0 || (used == 1 && per_length[1] == 1);
    if (space != 1u << MAX_BITS && !(may_be_single && is_single))
        return false;
    for (unsigned symbol = 0; symbol < symbols; symbol++)
        if (lengths[symbol] > 0)
            sorted[starts[lengths[symbol]]++] = (uint16_t)symbol;
    unsigned size = 1u << table_bits, further_bits = MAX_BITS - table_bits;
    if (is_single)
        for (unsigned i = 0; i < size; i++)
            table[i] = make_entry(1, 0, INVALID, 0);
    unsigned code = 0, end = size, further = 0, prefix = size;
    for (unsigned i = 0, length = 0; i < used; i++, code++) {
        unsigned symbol = sorted[i], reversed = 0;
        code <<= lengths[symbol] - length;
        length = lengths[symbol];
        for (unsigned bit = 0; bit < length; bit++)
            reversed |= (code >> bit & 1) << (length - 1 - bit);
        if (length <= table_bits) {
            uint32_t entry = entry_of(symbol, length);
            for (unsigned place = reversed; place < size; place += 1u << length)
                table[place] = entry;
            continue;
        }
        if ((reversed & (size - 1)) != prefix) { /* codes that begin alike follow each other */
            prefix = reversed & (size - 1);
            further = end;
            end += 1u << further_bits;
            table[prefix] = make_entry(table_bits, further_bits, TABLE, further);
        }
        uint32_t entry = entry_of(symbol, length - table_bits);
        for (unsigned place = reversed >> table_bits; place < 1u << further_bits; place += 1u << (length - table_bits))
            table[further + place] = entry;
    }
    return true;
}

/* Fill the register with at least 56 bits; behind the end they are zeros. */
static inline void refill(struct bit_reader *reader)
{
    if (reader->next > reader->end) {
        reader->overrun += (size_t)(reader->next - reader->end);
        reader->next = reader->end;
    }
    reader->bits |= load_little_endian(reader->next) << reader->count;
    reader->next += (63 - reader->count) >> 3;
    reader->count |= 56;
}

static inline unsigned take(struct bit_reader *reader, unsigned count)
{
    unsigned bits = (unsigned)(reader->bits & (((uint64_t)1 << count) - 1));
    reader->bits >>= count;
    reader->count -= count;
    return bits;
}

/* Whether bits from behind the end of the input have been used. */
static bool is_beyond(const struct bit_reader *reader)
{
    size_t past = reader->overrun;
    if (reader->next > reader->end)
        past += (size_t)(reader->next - reader->end);
    return past * 8 > reader->count;
}

/* Return the entry for the next bits, which are used. */
static inline uint32_t look_up(struct bit_reader *reader, const uint32_t *table, unsigned table_bits)
{
    uint32_t entry = table[reader->bits & ((1u << table_bits) - 1)];
    if (entry_kind(entry) == TABLE) {
        take(reader, table_bits);
        entry = table[entry_value(entry) + (reader->bits & ((1u << entry_extra(entry)) - 1))];
    }
    take(reader, entry_bits(entry));
    return entry;
}

static bool fixed_codes(struct inflater *inflater)
{
    uint8_t lengths[LENGTHS];
    for (unsigned symbol = 0; symbol < FIXED_SYMBOLS; symbol++)
        lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    memset(lengths + FIXED_SYMBOLS, 5, 32);
    return fill_table(inflater->literals, LITERAL_TABLE_BITS, lengths, FIXED_SYMBOLS, true, literal_entry)
           && fill_table(inflater->distances, DISTANCE_TABLE_BITS, lengths + FIXED_SYMBOLS, 32, true, distance_entry);
}

static bool dynamic_codes(struct inflater *inflater)
{
    struct bit_reader *reader = &inflater->reader;
    static const uint8_t ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LENGTHS + 138] = {0}, code_lengths[19] = {0};
    unsigned symbols = take(reader, 5) + 257, distances = take(reader, 5) + 1, codes = take(reader, 4) + 4;
    if (symbols > 286 || distances > 30)
        return false;
    for (unsigned i = 0; i < codes; i++) {
        refill(reader);
        code_lengths[ORDER[i]] = (uint8_t)take(reader, 3);
    }
    if (!fill_table(inflater->distances, 7, code_lengths, 19, false, plain_entry))
        return false;
    for (unsigned i = 0; i < symbols + distances;) {
        refill(reader);
        uint32_t entry = look_up(reader, inflater->distances, 7);
        unsigned value = entry_value(entry), count = 1;
        if (entry_kind(entry) == INVALID || (value == 16 && i == 0))
            return false;
        if (value == 16) {
            count = 3 + take(reader, 2);
            value = lengths[i - 1];
        } else if (value > 16) {
            count = value == 17 ? 3 + take(reader, 3) : 11 + take(reader, 7);
            value = 0;
        }
        if (count > symbols + distances - i)
            return false;
        memset(lengths + i, (int)value, count);
        i += count;
    }
    return lengths[256] > 0 && fill_table(inflater->literals, LITERAL_TABLE_BITS, lengths, symbols, true, literal_entry)
           && fill_table(inflater->distances, DISTANCE_TABLE_BITS, lengths + symbols, distances, true, distance_entry);
}

static bool start_stored(struct inflater *inflater)
{
    struct bit_reader *reader = &inflater->reader;
    take(reader, reader->count & 7);
    refill(reader);
    unsigned size = take(reader, 16), opposite = take(reader, 16);
    inflater->stored = size;
    /* The bytes in the register go back to the input. */
    if (is_beyond(reader) || reader->overrun > 0)
        return false;
    reader->next -= reader->count >> 3;
    reader->bits = 0;
    reader->count = 0;
    return size == (~opposite & 0xFFFF);
}

static bool start_block(struct inflater *inflater)
{
    struct bit_reader *reader = &inflater->reader;
    refill(reader);
    inflater->is_last = take(reader, 1);
    unsigned type = take(reader, 2);
    inflater->is_stored = type == 0;
    inflater->in_block = true;
    return type == 0 ? start_stored(inflater) : type == 1 ? fixed_codes(inflater) : type == 2 && dynamic_codes(inflater);
}

/* Copy a match; up to 32 bytes more may be written. */
static inline void copy_match(uint8_t *to, size_t distance, size_t length)
{
    const uint8_t *from = to - distance;
    if (distance >= 8)
        for (size_t i = 0; i < length; i += 8)
            memcpy(to + i, from + i, 8);
    else if (distance == 1)
        memset(to, *from, length);
    else
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
}

/* Decode symbols up to the limit or the end of the block; return false if they are damaged. */
static bool decode_symbols(struct inflater *inflater, const uint8_t *first, uint8_t **output, const uint8_t *limit)
{
    struct bit_reader local = inflater->reader, *reader = &local; /* in registers */
    const uint32_t *literals = inflater->literals, *distances = inflater->distances;
    uint8_t *to = *output;
    bool is_sound = true;
    while (to < limit) {
        refill(reader);
        uint32_t entry = look_up(reader, literals, LITERAL_TABLE_BITS);
        if (entry_kind(entry) == LITERAL) { /* at most 15 bits each, so three fit */
            *to++ = (uint8_t)entry_value(entry);
            entry = look_up(reader, literals, LITERAL_TABLE_BITS);
            if (entry_kind(entry) == LITERAL) {
                *to++ = (uint8_t)entry_value(entry);
                entry = look_up(reader, literals, LITERAL_TABLE_BITS);
                if (entry_kind(entry) == LITERAL) {
                    *to++ = (uint8_t)entry_value(entry);
                    continue;
                }
            }
            refill(reader);
        }
        if (entry_kind(entry) != MATCH) {
            is_sound = entry_kind(entry) == END;
            inflater->in_block = false;
            break;
        }
        size_t length = entry_value(entry) + take(reader, entry_extra(entry));
        entry = look_up(reader, distances, DISTANCE_TABLE_BITS);
        size_t distance = entry_value(entry) + take(reader, entry_extra(entry));
        if (entry_kind(entry) != MATCH || distance > (size_t)(to - first)) {
            is_sound = false;
            break;
        }
        copy_match(to, distance, length);
        to += length;
    }
    *output = to;
    inflater->reader = local;
    return is_sound && !is_beyond(reader);
}

static void copy_stored(struct inflater *inflater, uint8_t **output, const uint8_t *limit)
{
    struct bit_reader *reader = &inflater->reader;
    size_t room = (size_t)(limit - *output), count = inflater->stored < room ? inflater->stored : room;
    memcpy(*output, reader->next, count);
    *output += count;
    reader->next += count;
    inflater->stored -= count;
    inflater->in_block = inflater->stored > 0;
}

bool inflate_start(struct inflater *inflater, const uint8_t *input, size_t count)
{
    struct bit_reader *reader = &inflater->reader;
    reader->next = input + 2;
    reader->end = input + count;
    reader->bits = 0;
    reader->count = 0;
    reader->overrun = 0;
    inflater->in_block = inflater->is_last = false;
    return count >= 6 && (input[0] & 15) == 8 && input[0] >> 4 <= 7 && (input[0] << 8 | input[1]) % 31 == 0
           && (input[1] & 32) == 0;
}

enum inflate_state inflate_some(struct inflater *inflater, const uint8_t *first, uint8_t **output, const uint8_t *limit)
{
    struct bit_reader *reader = &inflater->reader;
    while (*output < limit) {
        if (!inflater->in_block) {
            if (inflater->is_last)
                return INFLATE_DONE;
            if (!start_block(inflater))
                return INFLATE_DAMAGED;
        }
        if (!inflater->is_stored) {
            if (!decode_symbols(inflater, first, output, limit))
                return INFLATE_DAMAGED;
        } else if (inflater->stored > (size_t)(reader->end - reader->next))
            return INFLATE_DAMAGED;
        else
            copy_stored(inflater, output, limit);
    }
    return INFLATE_MORE;
}

bool inflate_checksum(struct inflater *inflater, uint32_t *checksum)
{
    struct bit_reader *reader = &inflater->reader;
    take(reader, reader->count & 7);
    refill(reader);
    *checksum = 0;
    for (int i = 0; i < 4; i++)
        *checksum = *checksum << 8 | take(reader, 8);
    return !is_beyond(reader);
}
