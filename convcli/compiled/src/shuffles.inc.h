/* Bytes in another order: of each `read` bytes, those that are listed are written, `written` of 16. A function returns how
   many bytes it took of `size`; it may write 16 bytes more than it made. */
#if defined(__has_builtin) && (VECTOR_BYTES > 16 || defined(__ARM_NEON)) /* SSE2 has no shuffle of bytes */
#if __has_builtin(__builtin_shufflevector)
#define CAN_SHUFFLE
#endif
#endif

#ifdef CAN_SHUFFLE
typedef uint8_t CLONE(bytes) __attribute__((vector_size(16)));
#define DEFINE_SHUFFLE(name, read, written, ...)                                                                   \
    static ptrdiff_t CLONE(name)(char *restrict to, const char *restrict from, ptrdiff_t size)                     \
    {                                                                                                              \
        ptrdiff_t done = 0;                                                                                        \
        SHUFFLE_FOUR(read, written, __VA_ARGS__)                                                                   \
        for (; done + 16 <= size; done += read, to += written) {                                                   \
            CLONE(bytes) bytes;                                                                                    \
            memcpy(&bytes, from + done, 16);                                                                       \
            bytes = __builtin_shufflevector(bytes, bytes, __VA_ARGS__);                                            \
            memcpy(to, &bytes, 16);                                                                                \
        }                                                                                                          \
        return done;                                                                                               \
    }
/* Four times as many bytes at once: words are spread over four lanes of 16 bytes, shuffled, and moved together again. */
#if defined(HAS_X86_CLONES) && VECTOR_BYTES == 64
#define SHUFFLE_FOUR(read, written, ...)                                                                           \
    const CLONE(words) spread = {WORDS_OF(0, read / 4), WORDS_OF(1, read / 4), WORDS_OF(2, read / 4),              \
                                 WORDS_OF(3, read / 4)};                                                           \
    const CLONE(words) joined = {JOINED(0, written / 4), JOINED(4, written / 4), JOINED(8, written / 4),           \
                                 JOINED(12, written / 4)};                                                         \
    const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(__VA_ARGS__));                                      \
    for (; done + 64 <= size; done += 4 * read, to += 4 * written) {                                               \
        __m512i bytes = _mm512_permutexvar_epi32((__m512i)spread, _mm512_loadu_si512(from + done));                \
        bytes = _mm512_permutexvar_epi32((__m512i)joined, _mm512_shuffle_epi8(bytes, order));                      \
        _mm512_storeu_si512(to, bytes);                                                                            \
    }
#define WORDS_OF(lane, words) FOUR_WORDS((lane) * (words), WORD_ITSELF, words)
#define JOINED(first, words) FOUR_WORDS(first, JOINED_WORD, words)
#define FOUR_WORDS(first, of, words) of(first, words), of(first + 1, words), of(first + 2, words), of(first + 3, words)
#define WORD_ITSELF(word, words) (word)
#define JOINED_WORD(word, words) ((word) / (words) * 4 + (word) % (words))
typedef int32_t CLONE(words) __attribute__((vector_size(64)));
#else
#define SHUFFLE_FOUR(read, written, ...)
#endif
#endif
