/* Correlation of a band: T and NAME(name) as in correlate_rows.inc.h; V and VNAME(name) are the type of values,
   wider than T if IS_WIDE: then sums of groups of taps, which fit T, are added in V. LINE and LINE_NAME(name) are the
   type of the padded pixels, as in correlate_lines.inc.h. */

/* How a kernel is applied: by groups of taps; or down the columns, then across the rows. */
struct BAND(steps) {
    const struct kernel *kernel;
    const ptrdiff_t *offsets;
    ptrdiff_t group_count;
    struct NAME(plan) *blocks, *lines; /* per group, for a block of rows and for a single row */
    struct NAME(plan) across;
    bool is_separable;
};

/* Memory of a band: rows of the padded image, and rows of results. */
struct BAND(buffers) {
    LINE *ring, *whole_row;
    T *between[BLOCK_ROWS], *sums[BLOCK_ROWS];
    V *responses[BLOCK_ROWS], *values[BLOCK_ROWS];
    ptrdiff_t response_distance; /* of a row's responses to the next kernel, if all are held; otherwise 0 */
    const LINE **lines;
    ptrdiff_t *line_rows; /* the padded row that each line of the ring holds */
};

/* Columns of the result that are computed together, so that the rows they read stay in the cache. */
struct BAND(tile) {
    ptrdiff_t first, count, pixels, phase_pixels, row_length, line_count;
};

static void BAND(free_steps)(struct BAND(steps) *steps, int count)
{
    for (int n = 0; steps != NULL && n < count; n++) {
        for (ptrdiff_t group = 0; group < steps[n].group_count; group++) {
            if (steps[n].blocks != NULL)
                NAME(free_plan)(steps[n].blocks + group);
            if (steps[n].lines != NULL)
                NAME(free_plan)(steps[n].lines + group);
        }
        NAME(free_plan)(&steps[n].across);
        free(steps[n].blocks);
        free(steps[n].lines);
    }
    free(steps);
}

/* Return the end of the group of taps that starts with a tap. */
static ptrdiff_t BAND(group_end)(const struct correlation *job, const double *values, ptrdiff_t first, ptrdiff_t count)
{
    if (!IS_WIDE)
        return count;
    double total = 0, largest = job->largest;
    ptrdiff_t end = first;
    while (end < count && (total += fabs(values[end]) * largest) <= INT16_MAX)
        end++;
    return end > first ? end : first + 1;
}

static bool BAND(make_steps)(const struct correlation *job, const struct kernel *kernel, const ptrdiff_t *offsets,
                             struct BAND(steps) *steps)
{
    static const ptrdiff_t here = 0;
    struct taps taps = {kernel->taps, offsets, kernel->height, kernel->width, job->dilation_rows};
    *steps = (struct BAND(steps)){.kernel = kernel, .offsets = offsets, .is_separable = kernel->taps == NULL};
    if (steps->is_separable) {
        struct taps row = {kernel->row, offsets, 1, kernel->width, 1};
        if (!NAME(make_plan)(&steps->across, &row, 0, row.width, 1, 1))
            return false;
        taps = (struct taps){kernel->column, &here, kernel->height, 1, job->dilation_rows};
    }
    ptrdiff_t count = taps.height * taps.width;
    for (ptrdiff_t end = 0; end < count; steps->group_count++)
        end = BAND(group_end)(job, taps.values, end, count);
    size_t group_count = (size_t)steps->group_count;
    steps->blocks = calloc(group_count, sizeof *steps->blocks);
    steps->lines = calloc(group_count, sizeof *steps->lines);
    if (steps->blocks == NULL || steps->lines == NULL)
        return false;
    ptrdiff_t first = 0;
    for (ptrdiff_t group = 0; group < steps->group_count; group++) {
        ptrdiff_t end = BAND(group_end)(job, taps.values, first, count);
        if (!NAME(make_plan)(steps->blocks + group, &taps, first, end, BLOCK_ROWS, job->stride_rows)
            || !NAME(make_plan)(steps->lines + group, &taps, first, end, 1, job->stride_rows))
            return false;
        first = end;
    }
    return true;
}

/* Return the pixels of a row of the padded image, if they lie in the image as the loops read them; otherwise NULL. */
static const LINE *BAND(line_in_image)(const struct correlation *job, const struct BAND(tile) *tile, ptrdiff_t row)
{
    if (job->edge_width == 0 || job->rows[row] < 0 || tile->count * job->channels < LANES)
        return NULL;
    for (ptrdiff_t n = 0; n < job->column_run_count; n++) {
        const struct column_run *run = job->column_runs + n;
        ptrdiff_t skipped = tile->first - run->position;
        if (run->source >= 0 && skipped >= 0 && skipped + tile->pixels <= run->length)
            return (const LINE *)(job->source + job->rows[row] * job->row_distance
                                  + (run->source + skipped) * job->pixel_distance);
    }
    return NULL;
}

/* Make the rows that a block reads: those that are not in the ring yet. */
static void BAND(fill_lines)(const struct correlation *job, const struct BAND(tile) *tile, ptrdiff_t first,
                             ptrdiff_t line_count, struct BAND(buffers) *buffers)
{
    for (ptrdiff_t line = 0; line < line_count; line++) {
        ptrdiff_t row = first + line, slot = row % tile->line_count;
        LINE *into = buffers->ring + slot * tile->row_length;
        const LINE *in_place = BAND(line_in_image)(job, tile, row);
        buffers->lines[line] = in_place == NULL ? into : in_place;
        if (in_place != NULL || buffers->line_rows[slot] == row)
            continue;
        buffers->line_rows[slot] = row;
        ptrdiff_t position = tile->first * job->stride_columns;
        if (job->stride_columns == 1) {
            LINE_NAME(fill_pixels)(job, row, position, tile->pixels, into);
            continue;
        }
        LINE_NAME(fill_pixels)(job, row, position, tile->pixels, buffers->whole_row);
        LINE_NAME(split_phases)(buffers->whole_row, tile->pixels, job->channels, job->stride_columns,
                                tile->phase_pixels, into);
    }
}

/* Compute the responses of a kernel in a block of rows, from sums in the working type, which may lie in their place. */
static void BAND(respond)(const struct correlation *job, const struct BAND(tile) *tile,
                          const struct BAND(steps) *steps, int rows, struct BAND(buffers) *buffers,
                          T *const *sums_of_rows, V *const *responses)
{
    (void)responses; /* if they are the sums */
    ptrdiff_t count = tile->count * job->channels;
    const struct NAME(plan) *plans = rows == 1 ? steps->lines : steps->blocks;
#if IS_INTEGER
    bool is_3x3 = steps->is_separable && steps->kernel->height == 3 && steps->kernel->width == 3;
    if (is_3x3 && rows == BLOCK_ROWS && job->stride_rows == 1 && job->dilation_rows == 1) {
        LINE_NAME(run_3x3)(steps->kernel, steps->offsets, buffers->lines, sums_of_rows, count);
        return;
    }
#endif
    if (steps->is_separable) {
        ptrdiff_t stride = job->stride_columns;
        ptrdiff_t length = job->channels * (stride > 1 ? stride * tile->phase_pixels : tile->pixels);
        LINE_NAME(run_plan)(plans, rows, buffers->lines, buffers->between, length);
        for (int row = 0; row < rows; row++) {
            const T *line = buffers->between[row];
            NAME(run_plan)(&steps->across, 1, &line, sums_of_rows + row, count);
        }
    }
    for (ptrdiff_t group = 0; !steps->is_separable && group < steps->group_count; group++) {
        LINE_NAME(run_plan)(plans + group, rows, buffers->lines, sums_of_rows, count);
#if IS_WIDE
        for (int row = 0; row < rows; row++) {
            V *response = responses[row];
            const T *sums = sums_of_rows[row];
            if (group == 0)
                for (ptrdiff_t i = 0; i < count; i++)
                    response[i] = sums[i];
            else
                for (ptrdiff_t i = 0; i < count; i++)
                    response[i] += sums[i];
        }
#endif
    }
}

/* Whether sums are values of the result's dtype: then they are written where they belong. */
static bool BAND(is_direct)(const struct correlation *job, ptrdiff_t count)
{
    return !IS_WIDE && job->rendering.mapping == MAP_VALUES && job->combination == SINGLE
           && job->out_format == job->working && count >= LANES;
}

/* Compute a block of rows of a tile, and finish them. */
static void BAND(compute_block)(const struct correlation *job, const struct BAND(tile) *tile,
                                const struct BAND(steps) *steps, ptrdiff_t first, int rows,
                                struct BAND(buffers) *buffers, struct tally *tally)
{
    ptrdiff_t count = tile->count * job->channels, start = tile->first * job->channels;
    if (BAND(is_direct)(job, count)) {
        T *direct[BLOCK_ROWS];
        for (int row = 0; row < rows; row++)
            direct[row] = (T *)(job->out + (first + row) * job->out_row_distance) + start;
        BAND(respond)(job, tile, steps, rows, buffers, direct, NULL);
        return;
    }
    for (int n = 0; n < job->kernel_count; n++) {
        V *responses[BLOCK_ROWS];
        T *sums[BLOCK_ROWS];
        for (int row = 0; row < rows; row++) {
            responses[row] = buffers->responses[row] + n * buffers->response_distance;
            sums[row] = IS_WIDE ? buffers->sums[row] : (T *)responses[row];
        }
        BAND(respond)(job, tile, steps + n, rows, buffers, sums, responses);
        if (job->combination != SINGLE && job->combination != MAGNITUDE)
            for (int row = 0; row < rows; row++)
                VNAME(combine)(job->combination, buffers->values[row], responses[row], count, n == 0);
    }
    for (int row = 0; row < rows; row++) {
        const V *responses = buffers->responses[row];
        if (job->combination == MAGNITUDE)
            VNAME(finish_magnitudes)(job, responses, buffers->response_distance, first + row, start, count, tally);
        else
            VNAME(finish)(job, job->combination == SINGLE ? responses : buffers->values[row], first + row, start, count,
                          tally);
    }
}

static ptrdiff_t BAND(aligned)(ptrdiff_t bytes)
{
    return (bytes + 127) / 64 * 64;
}

/* Give each row of a block so many bytes of the memory. */
#define CUT_ROWS(name, bytes)                                                                                  \
    for (int number = 0; number < BLOCK_ROWS; number++, rest += bytes)                                              \
        buffers->name[number] = (void *)rest;

/* Allocate the memory of a band for the widest tile; NULL if there is none. */
static char *BAND(allocate)(const struct correlation *job, const struct BAND(tile) *tile,
                            struct BAND(buffers) *buffers)
{
    ptrdiff_t count = tile->count * job->channels + BLOCK_VECTORS * LANES;
    ptrdiff_t row = BAND(aligned)(tile->row_length * (ptrdiff_t)sizeof(T)), item = sizeof(LINE);
    ptrdiff_t values = BAND(aligned)(count * (ptrdiff_t)sizeof(V));
    ptrdiff_t pointers = BAND(aligned)(tile->line_count * (ptrdiff_t)sizeof(void *));
    bool is_magnitude = job->combination == MAGNITUDE;
    ptrdiff_t responses = is_magnitude ? values * job->kernel_count : values;
    ptrdiff_t between = job->kernels[0].taps == NULL ? row : 0;
    ptrdiff_t combined = is_magnitude || job->combination == SINGLE ? 0 : values;
    ptrdiff_t sums = IS_WIDE ? values : 0, whole = 0;
    if (job->stride_columns > 1)
        whole = BAND(aligned)(tile->pixels * job->channels * item);
    ptrdiff_t ring = BAND(aligned)(tile->line_count * tile->row_length * item);
    ptrdiff_t rows = BLOCK_ROWS * (between + responses + combined + sums);
    size_t bytes = (size_t)(ring + whole + 2 * pointers + rows);
    char *memory = malloc(bytes + 64), *rest = memory;
    if (memory == NULL)
        return NULL;
    rest += (64 - (uintptr_t)rest % 64) % 64;
    buffers->ring = (LINE *)rest, rest += ring;
    buffers->whole_row = (LINE *)rest, rest += whole;
    buffers->lines = (const LINE **)rest, rest += pointers;
    buffers->line_rows = (ptrdiff_t *)rest, rest += pointers;
    CUT_ROWS(between, between)
    CUT_ROWS(responses, responses)
    CUT_ROWS(values, combined)
    CUT_ROWS(sums, sums)
    buffers->response_distance = is_magnitude ? values / (ptrdiff_t)sizeof(V) : 0;
    return memory;
}

/* The tile of so many columns from `first` on; rows are laid out as those of the widest tile. */
static struct BAND(tile) BAND(tile_at)(const struct correlation *job, ptrdiff_t first, ptrdiff_t count, ptrdiff_t widest)
{
    ptrdiff_t extent = extent_of(job->kernels[0].width, job->dilation_columns), stride = job->stride_columns;
    ptrdiff_t height = extent_of(job->kernels[0].height, job->dilation_rows);
    struct BAND(tile) tile = {.first = first, .count = count, .pixels = (count - 1) * stride + extent};
    tile.phase_pixels = widest + (extent - 1) / stride;
    tile.row_length = stride * tile.phase_pixels * job->channels + 2 * BLOCK_VECTORS * LANES;
    tile.row_length += (64 - tile.row_length % 64) % 64;
    tile.line_count = (job->block_rows - 1) * job->stride_rows + height;
    return tile;
}

/* Where the taps of a row read, in rows that are split into the phases of the stride. */
static ptrdiff_t *BAND(make_offsets)(const struct correlation *job, const struct BAND(tile) *tile)
{
    ptrdiff_t *offsets = malloc((size_t)job->kernels[0].width * sizeof *offsets);
    for (ptrdiff_t j = 0; offsets != NULL && j < job->kernels[0].width; j++) {
        ptrdiff_t pixel = j * job->dilation_columns;
        ptrdiff_t phase = pixel % job->stride_columns, index = pixel / job->stride_columns;
        offsets[j] = (phase * tile->phase_pixels + index) * job->channels;
    }
    return offsets;
}

/* Compute the band of one tile. */
static void BAND(compute_tile)(const struct correlation *job, const struct BAND(tile) *tile,
                               const struct BAND(steps) *steps, struct BAND(buffers) *buffers, struct tally *tally)
{
    ptrdiff_t extent = extent_of(job->kernels[0].height, job->dilation_rows), rows;
    for (ptrdiff_t slot = 0; slot < tile->line_count; slot++)
        buffers->line_rows[slot] = -1;
    for (ptrdiff_t row = 0; row < job->height; row += rows) {
        rows = job->height - row >= job->block_rows ? job->block_rows : 1;
        BAND(fill_lines)(job, tile, row * job->stride_rows, (rows - 1) * job->stride_rows + extent, buffers);
        BAND(compute_block)(job, tile, steps, row, (int)rows, buffers, tally);
    }
}

/* The width of the tile that starts with a column: the first and last are narrow where those between them can be read in
   place, as they reach into the padding. */
static ptrdiff_t BAND(tile_width)(const struct correlation *job, ptrdiff_t first)
{
    ptrdiff_t left = job->width - first, edge = job->edge_width;
    if (edge == 0 || job->width <= 4 * edge)
        return left < job->tile_width ? left : job->tile_width;
    if (first == 0 || left <= edge)
        return left < edge ? left : edge;
    left -= edge;
    return left < job->tile_width ? left : job->tile_width;
}

/* Compute the band; return whether there was enough memory. */
static bool BAND(correlate)(const struct correlation *job, struct tally *tally)
{
    ptrdiff_t widest = job->tile_width;
    struct BAND(tile) tile = BAND(tile_at)(job, 0, widest, widest);
    struct BAND(buffers) buffers;
    char *memory = BAND(allocate)(job, &tile, &buffers);
    ptrdiff_t *offsets = BAND(make_offsets)(job, &tile);
    struct BAND(steps) *steps = calloc((size_t)job->kernel_count, sizeof *steps);
    bool is_ready = memory != NULL && offsets != NULL && steps != NULL;
    for (int n = 0; is_ready && n < job->kernel_count; n++)
        is_ready = BAND(make_steps)(job, job->kernels + n, offsets, steps + n);
    for (ptrdiff_t first = 0; is_ready && first < job->width; first += tile.count) {
        tile = BAND(tile_at)(job, first, BAND(tile_width)(job, first), widest);
        BAND(compute_tile)(job, &tile, steps, &buffers, tally);
    }
    BAND(free_steps)(steps, job->kernel_count);
    free(offsets);
    free(memory);
    return is_ready;
}
#undef CUT_ROWS
#undef V
#undef VNAME
#undef BAND
#undef IS_WIDE
#undef LINE
#undef LINE_NAME
