/* All loops, for the instruction set that the including file has selected. */
#include "measure.inc.h"
#include "shuffles.inc.h"
#include "pool.inc.h"
#include "pool_halves.inc.h"
#include "png_loops.inc.h"
#include "layer.inc.h"
#include "fourier.inc.h"
#include "correlate.inc.h"

const struct clone CLONE(clone) = {
    .name = CLONE_NAME,
    .measure_u8 = CLONE(measure_u8),
    .measure_u16 = CLONE(measure_u16),
    .pool = &CLONE(pool_loops),
    .png = &CLONE(png_loops),
    .layer = &CLONE(layer_loops),
    .fourier = CLONE(fourier),
    .correlate = CLONE(correlate),
};
