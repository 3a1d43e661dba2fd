/* The fast Fourier transform: lines are transformed in panels, as many side by side as a vector has values. A transform
   leaves its results in an order of its own, from which the inverse one starts; so nothing is sorted. */
#include "fourier.h"

#ifdef __GNUC__
typedef double CLONE(doubles) __attribute__((vector_size(VECTOR_BYTES)));
enum { CLONE(LINES) = VECTOR_BYTES / sizeof(double) };
#else
typedef double CLONE(doubles);
enum { CLONE(LINES) = 1 };
#endif

/* Four values that a butterfly combines, `distance` apart, and the factors of the last three. */
struct CLONE(butterfly) {
    CLONE(doubles) *real, *imaginary;
    ptrdiff_t distance;
    double cosines[3], sines[3];
};

static inline void CLONE(combine_forward)(const struct CLONE(butterfly) *four)
{
    CLONE(doubles) *x = four->real, *y = four->imaginary;
    ptrdiff_t one = four->distance, two = 2 * one, three = 3 * one;
    CLONE(doubles) sum_x = x[0] + x[two], difference_x = x[0] - x[two], other_x = x[one] + x[three];
    CLONE(doubles) sum_y = y[0] + y[two], difference_y = y[0] - y[two], other_y = y[one] + y[three];
    CLONE(doubles) turned_x = y[one] - y[three], turned_y = x[three] - x[one]; /* times -i */
    CLONE(doubles) real[3] = {difference_x + turned_x, sum_x - other_x, difference_x - turned_x};
    CLONE(doubles) imaginary[3] = {difference_y + turned_y, sum_y - other_y, difference_y - turned_y};
    x[0] = sum_x + other_x;
    y[0] = sum_y + other_y;
    for (int n = 0; n < 3; n++) {
        x[(n + 1) * one] = real[n] * four->cosines[n] + imaginary[n] * four->sines[n];
        y[(n + 1) * one] = imaginary[n] * four->cosines[n] - real[n] * four->sines[n];
    }
}

static inline void CLONE(combine_back)(const struct CLONE(butterfly) *four)
{
    CLONE(doubles) *x = four->real, *y = four->imaginary, real[3], imaginary[3];
    ptrdiff_t one = four->distance, two = 2 * one, three = 3 * one;
    for (int n = 0; n < 3; n++) {
        CLONE(doubles) from_x = x[(n + 1) * one], from_y = y[(n + 1) * one];
        real[n] = from_x * four->cosines[n] - from_y * four->sines[n];
        imaginary[n] = from_y * four->cosines[n] + from_x * four->sines[n];
    }
    CLONE(doubles) sum_x = x[0] + real[1], difference_x = x[0] - real[1], other_x = real[0] + real[2];
    CLONE(doubles) sum_y = y[0] + imaginary[1], difference_y = y[0] - imaginary[1];
    CLONE(doubles) other_y = imaginary[0] + imaginary[2];
    CLONE(doubles) turned_x = imaginary[2] - imaginary[0], turned_y = real[0] - real[2]; /* times i */
    x[0] = sum_x + other_x, x[two] = sum_x - other_x, x[one] = difference_x + turned_x, x[three] = difference_x - turned_x;
    y[0] = sum_y + other_y, y[two] = sum_y - other_y, y[one] = difference_y + turned_y, y[three] = difference_y - turned_y;
}

static inline void CLONE(combine_pairs)(CLONE(doubles) *values, ptrdiff_t length)
{
    for (ptrdiff_t i = 0; i < length; i += 2) {
        CLONE(doubles) first = values[i], second = values[i + 1];
        values[i] = first + second;
        values[i + 1] = first - second;
    }
}

/* Transform parts of `size` values each by butterflies, which are alike in all parts. */
static inline void CLONE(combine_parts)(const struct fourier *task, CLONE(doubles) *real, CLONE(doubles) *imaginary,
                                        ptrdiff_t length, ptrdiff_t size,
                                        void (*combine)(const struct CLONE(butterfly) *four))
{
    struct CLONE(butterfly) four = {.distance = size / 4};
    for (ptrdiff_t i = 0; i < size / 4; i++) {
        for (int n = 0; n < 3; n++) {
            ptrdiff_t part = (n + 1) * i * (task->parts / size);
            four.cosines[n] = task->cosines[part];
            four.sines[n] = task->sines[part];
        }
        for (ptrdiff_t first = i; first < length; first += size) {
            four.real = real + first;
            four.imaginary = imaginary + first;
            combine(&four);
        }
    }
}

static void CLONE(transform)(const struct fourier *task, CLONE(doubles) *real, CLONE(doubles) *imaginary, ptrdiff_t length)
{
    ptrdiff_t size = length;
    for (; size >= 4; size /= 4)
        CLONE(combine_parts)(task, real, imaginary, length, size, CLONE(combine_forward));
    if (size == 2) {
        CLONE(combine_pairs)(real, length);
        CLONE(combine_pairs)(imaginary, length);
    }
}

/* As the inverse of `transform`, times `length`. */
static void CLONE(transform_back)(const struct fourier *task, CLONE(doubles) *real, CLONE(doubles) *imaginary,
                                  ptrdiff_t length)
{
    ptrdiff_t size = length;
    while (size >= 4)
        size /= 4;
    if (size == 2) {
        CLONE(combine_pairs)(real, length);
        CLONE(combine_pairs)(imaginary, length);
    }
    for (size *= 4; size <= length; size *= 4)
        CLONE(combine_parts)(task, real, imaginary, length, size, CLONE(combine_back));
}

/* Transform the columns, forward or back. */
static void CLONE(transform_columns)(const struct fourier *task, bool is_back)
{
    CLONE(doubles) *panels[] = {(CLONE(doubles) *)task->panel, (CLONE(doubles) *)(task->panel + task->panel_distance)};
    double *matrices[] = {task->real, task->imaginary};
    for (ptrdiff_t column = 0; column < task->columns; column += CLONE(LINES)) {
        for (int part = 0; part < 2; part++)
            for (ptrdiff_t row = 0; row < task->rows; row++)
                memcpy(panels[part] + row, matrices[part] + row * task->columns + column, sizeof(CLONE(doubles)));
        (is_back ? CLONE(transform_back) : CLONE(transform))(task, panels[0], panels[1], task->rows);
        for (int part = 0; part < 2; part++)
            for (ptrdiff_t row = 0; row < task->rows; row++)
                memcpy(matrices[part] + row * task->columns + column, panels[part] + row, sizeof(CLONE(doubles)));
    }
}

/* Transform the rows, and multiply them by the factors and transform them back, or leave them as panels. */
static void CLONE(transform_rows)(const struct fourier *task)
{
    ptrdiff_t columns = task->columns;
    CLONE(doubles) *panels[] = {(CLONE(doubles) *)task->panel, (CLONE(doubles) *)(task->panel + task->panel_distance)};
    for (ptrdiff_t row = 0; row < task->rows; row += CLONE(LINES)) {
        ptrdiff_t start = row * columns;
        double *rows[] = {task->real + start, task->imaginary + start};
        for (int part = 0; part < 2; part++)
            for (ptrdiff_t column = 0; column < columns; column++)
                for (int line = 0; line < CLONE(LINES); line++)
                    ((double *)panels[part])[column * CLONE(LINES) + line] = rows[part][line * columns + column];
        CLONE(transform)(task, panels[0], panels[1], columns);
        if (task->factor_real == NULL) {
            for (int part = 0; part < 2; part++)
                memcpy(rows[part], panels[part], (size_t)columns * sizeof(CLONE(doubles)));
            continue;
        }
        double *real = (double *)panels[0], *imaginary = (double *)panels[1];
        const double *factor_real = task->factor_real + start, *factor_imaginary = task->factor_imaginary + start;
        for (ptrdiff_t i = 0; i < columns * CLONE(LINES); i++) {
            double x = real[i], y = imaginary[i];
            real[i] = x * factor_real[i] - y * factor_imaginary[i];
            imaginary[i] = x * factor_imaginary[i] + y * factor_real[i];
        }
        CLONE(transform_back)(task, panels[0], panels[1], columns);
        for (int part = 0; part < 2; part++)
            for (int line = 0; line < CLONE(LINES); line++)
                for (ptrdiff_t column = 0; column < columns; column++)
                    rows[part][line * columns + column] = ((double *)panels[part])[column * CLONE(LINES) + line];
    }
}

static void CLONE(fourier)(const struct fourier *task)
{
    CLONE(transform_columns)(task, false);
    CLONE(transform_rows)(task);
    if (task->factor_real != NULL)
        CLONE(transform_columns)(task, true);
}
