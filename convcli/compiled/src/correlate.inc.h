/* Correlation in each working type. */
#include "correlate.h"
#include "finish.inc.h"

#define BLOCK_VECTORS (VECTOR_BYTES == 64 ? 4 : 2) /* as many vectors of sums in a row as registers hold */
#define PACKED_PIXELS 512

#define T int16_t
#define WRAPPING uint16_t
#define TAP int32_t
#define TAP_OF(tap) ((int32_t)(((uint32_t)(int32_t)(tap) & 0xffff) * 0x10001u)) /* twice: 32 bits are broadcast fast */
#define NAME(name) CLONE(name##_in_h)
#define IS_INTEGER 1
#include "correlate_rows.inc.h"
#define P int16_t
#define WIDEN(pixels, vector) ((vector)(pixels))
#define PNAME(name) NAME(name)
#include "correlate_lines.inc.h"
#define P uint8_t
#if defined(HAS_X86_CLONES) && !defined(__clang__) && VECTOR_BYTES == 64 /* GCC converts them in pieces */
#define WIDEN(pixels, vector) ((vector)_mm512_cvtepu8_epi16((__m256i)(pixels)))
#elif defined(HAS_X86_CLONES) && !defined(__clang__) && VECTOR_BYTES == 32
#define WIDEN(pixels, vector) ((vector)_mm256_cvtepu8_epi16((__m128i)(pixels)))
#else
#define WIDEN(pixels, vector) __builtin_convertvector(pixels, vector)
#endif
#define PNAME(name) CLONE(name##_in_b)
#include "correlate_lines.inc.h"
#define V int16_t
#define VNAME(name) CLONE(name##_of_h)
#define BAND(name) CLONE(name##_band_h)
#define IS_WIDE 0
#define LINE T
#define LINE_NAME(name) NAME(name)
#include "correlate_band.inc.h"
#define V int16_t
#define VNAME(name) CLONE(name##_of_h)
#define BAND(name) CLONE(name##_band_b)
#define IS_WIDE 0
#define LINE uint8_t
#define LINE_NAME(name) CLONE(name##_in_b)
#include "correlate_band.inc.h"
#define V int32_t
#define VNAME(name) CLONE(name##_of_i)
#define BAND(name) CLONE(name##_band_i)
#define IS_WIDE 1
#define LINE T
#define LINE_NAME(name) NAME(name)
#include "correlate_band.inc.h"
#include "correlate_end.inc.h"

#define T float
#define WRAPPING float
#define TAP float
#define TAP_OF(tap) ((float)(tap))
#define NAME(name) CLONE(name##_in_f)
#define IS_INTEGER 0
#include "correlate_rows.inc.h"
#define P float
#define WIDEN(pixels, vector) ((vector)(pixels))
#define PNAME(name) NAME(name)
#include "correlate_lines.inc.h"
#define V float
#define VNAME(name) CLONE(name##_of_f)
#define BAND(name) CLONE(name##_band_f)
#define IS_WIDE 0
#define LINE T
#define LINE_NAME(name) NAME(name)
#include "correlate_band.inc.h"
#include "correlate_end.inc.h"

#define T double
#define WRAPPING double
#define TAP double
#define TAP_OF(tap) (tap)
#define NAME(name) CLONE(name##_in_d)
#define IS_INTEGER 0
#include "correlate_rows.inc.h"
#define P double
#define WIDEN(pixels, vector) ((vector)(pixels))
#define PNAME(name) NAME(name)
#include "correlate_lines.inc.h"
#define V double
#define VNAME(name) CLONE(name##_of_d)
#define BAND(name) CLONE(name##_band_d)
#define IS_WIDE 0
#define LINE T
#define LINE_NAME(name) NAME(name)
#include "correlate_band.inc.h"
#include "correlate_end.inc.h"

static bool CLONE(correlate)(const struct correlation *job, struct tally *tally)
{
    switch (job->working) {
    case 'h':
        return job->has_byte_lines ? CLONE(correlate_band_b)(job, tally) : CLONE(correlate_band_h)(job, tally);
    case 'i':
        return CLONE(correlate_band_i)(job, tally);
    case 'f':
        return CLONE(correlate_band_f)(job, tally);
    default:
        return CLONE(correlate_band_d)(job, tally);
    }
}
