/* The loops for processors with AVX2. */
#include "clones.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAS_X86_CLONES
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define CLONE(name) name##_avx2
#define CLONE_NAME "avx2"
#define VECTOR_BYTES 32
#include "clone_body.inc.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
