/* The loops for processors with AVX-512 (F, BW, DQ and VL). */
#include "clones.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAS_X86_CLONES
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif
#define CLONE(name) name##_avx512
#define CLONE_NAME "avx512"
#define VECTOR_BYTES 64
#include "clone_body.inc.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
