/* Statistics of pixels. */
#ifndef CONVCLI_MEASURE_H
#define CONVCLI_MEASURE_H

#include <stdint.h>

enum { MEASURED_AT_ONCE = 1 << 15 }; /* whose sum fits into 32 bits */

struct measure {
    int lowest, highest;
    int64_t total;
};

#endif
