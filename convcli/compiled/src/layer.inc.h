/* The loops of convolution layers, for float32 and float64. */
#include "layer.h"

/* Outputs that are computed together, as measured: as many as the registers hold for each of them a block of filters.
   The weights of a block are read for several times as many outputs while they are in the cache. */
enum {
    LAYER_OUTPUTS = VECTOR_BYTES == 64 ? 14 : VECTOR_BYTES == 32 ? 6 : 3,
    LAYER_PANEL = 4 * LAYER_OUTPUTS,
};

#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#define INLINED inline __attribute__((always_inline))
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 16")
#define INLINED inline __attribute__((always_inline))
#else
#define UNROLLED
#define INLINED inline
#endif

#define VALUE float
#define TYPED(name) CLONE(name##_f32)
#include "layer_products.inc.h"
#include "layer_depthwise.inc.h"
#include "layer_winograd.inc.h"
#undef VALUE
#undef TYPED

#define VALUE double
#define TYPED(name) CLONE(name##_f64)
#include "layer_products.inc.h"
#include "layer_depthwise.inc.h"
#undef VALUE
#undef TYPED
static const struct layer_loops CLONE(layer_loops) = {
    .products = {CLONE(products_f32), CLONE(products_f64)},
    .depthwise = {CLONE(depthwise_f32), CLONE(depthwise_f64)},
    .winograd = CLONE(winograd_f32),
};

#undef UNROLLED
#undef INLINED
