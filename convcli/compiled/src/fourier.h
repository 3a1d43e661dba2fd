/* The fast Fourier transform of complex matrices, whose real and imaginary parts are matrices of their own. */
#ifndef CONVCLI_FOURIER_H
#define CONVCLI_FOURIER_H

#include <stddef.h>

#define FOURIER_MIN 8 /* the sides are powers of two from here on: as many rows as a vector has values */

struct fourier {
    double *real, *imaginary;
    const double *factor_real, *factor_imaginary; /* NULL: transform only */
    ptrdiff_t rows, columns;
    const double *cosines, *sines; /* of all parts of a turn that the longer side is divided into */
    ptrdiff_t parts;
    double *panel; /* memory for two panels of FOURIER_MIN lines of the longer side, aligned to 64 bytes */
    ptrdiff_t panel_distance;
};

#endif
