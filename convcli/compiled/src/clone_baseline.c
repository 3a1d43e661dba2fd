/* The loops for any processor: what the compiler makes of them without being told of a newer instruction set. */
#include "clones.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLONE(name) name##_baseline
#define CLONE_NAME "baseline"
#define VECTOR_BYTES 16
#include "clone_body.inc.h"
