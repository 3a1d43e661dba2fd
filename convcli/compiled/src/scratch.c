/* Memory for intermediate results, kept for the next call. */
#include "scratch.h"
#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = 64, MAX_SPARES = 16 };
#define MAX_SPARE_BYTES ((size_t)1 << 22)

static struct scratch spares[MAX_SPARES];
static int spare_count;

bool scratch_take(struct scratch *scratch, size_t size)
{
    if (spare_count > 0) {
        *scratch = spares[--spare_count];
        if (scratch->size >= size)
            return true;
        free(scratch->block);
    }
    if (size > SIZE_MAX - ALIGNMENT || (scratch->block = malloc(size + ALIGNMENT)) == NULL)
        return false;
    scratch->memory = scratch->block + (ALIGNMENT - (uintptr_t)scratch->block % ALIGNMENT);
    scratch->size = size;
    return true;
}

void scratch_return(struct scratch *scratch)
{
    if (spare_count < MAX_SPARES && scratch->size <= MAX_SPARE_BYTES)
        spares[spare_count++] = *scratch;
    else
        free(scratch->block);
}
