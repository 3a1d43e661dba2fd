/* Memory for intermediate results, kept for the next call: the first access to each page of fresh memory is expensive.
   Both functions need the interpreter's lock. */
#ifndef CONVCLI_SCRATCH_H
#define CONVCLI_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

struct scratch {
    char *block;  /* as it was allocated */
    char *memory; /* aligned to 64 bytes */
    size_t size;
};

/* Take at least `size` bytes; returns false if there is no memory. */
bool scratch_take(struct scratch *scratch, size_t size);
void scratch_return(struct scratch *scratch);

#endif
