/* The loops over pixels, compiled once per instruction set: a struct of functions for each.

   A loop is written once, in a *.inc.h file, as CLONE(name). clone_body.inc.h includes all of these files;
   clone_*.c compile it for one instruction set. No clone may use fused multiply-add, so that results do not depend
   on the processor. */
#ifndef CONVCLI_CLONES_H
#define CONVCLI_CLONES_H

#include "correlate.h"
#include "fourier.h"
#include "measure.h"
#include "png_loops.h"
#include "pool.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clone {
    const char *name;
    void (*measure_u8)(const uint8_t *values, ptrdiff_t count, struct measure *measure);
    void (*measure_u16)(const uint16_t *values, ptrdiff_t count, struct measure *measure);
    const struct pool_loops *pool;
    const struct png_loops *png;
    const struct layer_loops *layer;
    void (*fourier)(const struct fourier *task);
    bool (*correlate)(const struct correlation *job, struct tally *tally);
};

#if defined(__GNUC__) && defined(__x86_64__)
#define HAS_X86_CLONES 1
#include <immintrin.h>
extern const struct clone clone_avx512, clone_avx2;
#endif
extern const struct clone clone_baseline;
extern const struct clone *active_clone; /* the one that runs; see module.c */

#endif
