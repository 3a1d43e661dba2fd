/* Winograd's F(4x4, 3x3), see convcli/layers/winograd.py, for one type of VALUE. The input holds its padding, up to
   whole tiles; it has at least a vector of channels.

   Some tiles are transformed at a time: activations[position][tile][channel]. For each block of filters, the sums of
   products[position][tile][filter] are transformed back. Weights are [block][position], each as of a dense layer with
   a window of one pixel; the bias stands in position 7, which adds to all outputs of a tile. */
/* Where a tile begins, in the input and in the target, and how many outputs it has there. */
struct TYPED(tile) {
    const VALUE *input;
    VALUE *target;
    int rows, columns;
};

static INLINED void TYPED(transform_input)(const TYPED(vector) d[6], TYPED(vector) *t, int step)
{
    t[0 * step] = 4 * d[0] - 5 * d[2] + d[4];
    t[1 * step] = (d[3] + d[4]) - 4 * (d[1] + d[2]);
    t[2 * step] = (d[4] - d[3]) + 4 * (d[1] - d[2]);
    t[3 * step] = (d[4] - d[2]) + 2 * (d[3] - d[1]);
    t[4 * step] = (d[4] - d[2]) - 2 * (d[3] - d[1]);
    t[5 * step] = 4 * d[1] - 5 * d[3] + d[5];
}

static INLINED void TYPED(transform_output)(const TYPED(vector) m[6], TYPED(vector) *y, int step)
{
    y[0 * step] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
    y[1 * step] = (m[1] - m[2]) + 2 * (m[3] - m[4]);
    y[2 * step] = (m[1] + m[2]) + 4 * (m[3] + m[4]);
    y[3 * step] = (m[1] - m[2]) + 8 * (m[3] - m[4]) + m[5];
}

/* Transform a tile of activations; `distance` is that of its positions in `activations`. */
static void TYPED(read_tile)(const struct layer_array *input, const VALUE *tile, VALUE *activations, ptrdiff_t distance)
{
    for (ptrdiff_t next = 0; next < input->channels; next += TYPED(LANES)) {
        ptrdiff_t channel = next + TYPED(LANES) <= input->channels ? next : input->channels - TYPED(LANES);
        TYPED(vector) line[6], columns[36];
        UNROLLED for (int x = 0; x < 6; x++) {
            UNROLLED for (int y = 0; y < 6; y++)
                memcpy(&line[y], tile + y * input->row_distance + x * input->pixel_distance + channel, sizeof *line);
            TYPED(transform_input)(line, columns + x, 6);
        }
        UNROLLED for (int y = 0; y < 6; y++) {
            TYPED(transform_input)(columns + 6 * y, line, 1);
            UNROLLED for (int x = 0; x < 6; x++)
                memcpy(activations + (6 * y + x) * distance + channel, &line[x], sizeof *line);
        }
    }
}

/* Transform a tile of sums for a block of filters, of which `filters` exist. */
static void TYPED(write_tile)(const struct layer_array *target, const struct TYPED(tile) *tile, ptrdiff_t filter,
                              ptrdiff_t filters, const VALUE *sums, ptrdiff_t distance)
{
    VALUE outputs[16][TYPED(BLOCK)];
    for (int v = 0; v < TYPED(VECTORS); v++) {
        TYPED(vector) line[6], columns[24];
        UNROLLED for (int x = 0; x < 6; x++) {
            UNROLLED for (int y = 0; y < 6; y++)
                memcpy(&line[y], sums + (6 * y + x) * distance + v * TYPED(LANES), sizeof *line);
            TYPED(transform_output)(line, columns + x, 6);
        }
        UNROLLED for (int y = 0; y < 4; y++) {
            TYPED(transform_output)(columns + 6 * y, line, 1);
            UNROLLED for (int x = 0; x < 4; x++)
                memcpy(outputs[4 * y + x] + v * TYPED(LANES), &line[x], sizeof *line);
        }
    }
    for (int y = 0; y < tile->rows; y++)
        for (int x = 0; x < tile->columns; x++) {
            VALUE *result = tile->target + y * target->row_distance + x * target->pixel_distance + filter;
            if (filters >= TYPED(BLOCK))
                memcpy(result, outputs[4 * y + x], sizeof outputs[0]);
            else
                memcpy(result, outputs[4 * y + x], (size_t)filters * sizeof(VALUE));
        }
}

static struct TYPED(tile) TYPED(locate_tile)(const struct layer *layer, ptrdiff_t number)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t across = (target->width + 3) / 4, down = (target->height + 3) / 4;
    ptrdiff_t column = number % across * 4, row = number / across % down * 4, image = number / across / down;
    return (struct TYPED(tile)){
        .input = (const VALUE *)input->values
                 + (image * input->image_distance + (layer->top + row) * input->row_distance
                    + (layer->left + column) * input->pixel_distance),
        .target = (VALUE *)target->values
                  + (image * target->image_distance + row * target->row_distance + column * target->pixel_distance),
        .rows = target->height - row < 4 ? (int)(target->height - row) : 4,
        .columns = target->width - column < 4 ? (int)(target->width - column) : 4,
    };
}

static void TYPED(winograd)(const struct layer *layer, VALUE *memory)
{
    const struct layer_array *target = &layer->target;
    const ptrdiff_t channels = layer->input.channels, tiles = LAYER_TILES;
    ptrdiff_t count = target->images * ((target->height + 3) / 4) * ((target->width + 3) / 4);
    VALUE *activations = memory, *products = activations + 36 * tiles * channels;
    VALUE sums[LAYER_OUTPUTS][TYPED(BLOCK)];
    struct layer pointwise = {.input.channels = channels, .window_height = 1, .window_width = 1};
    struct TYPED(tile) places[LAYER_TILES];
    const VALUE *pixels[LAYER_OUTPUTS];
    for (ptrdiff_t first = 0; first < count; first += tiles) {
        ptrdiff_t present = count - first < tiles ? count - first : tiles;
        for (ptrdiff_t tile = 0; tile < present; tile++) {
            places[tile] = TYPED(locate_tile)(layer, first + tile);
            TYPED(read_tile)(&layer->input, places[tile].input, activations + tile * channels, tiles * channels);
        }
        const VALUE *weights = layer->weights;
        for (ptrdiff_t filter = 0; filter < target->channels; filter += TYPED(BLOCK)) {
            for (ptrdiff_t position = 0; position < 36; position++, weights += (channels + 1) * TYPED(BLOCK))
                for (ptrdiff_t group = 0; group < present; group += LAYER_OUTPUTS) {
                    ptrdiff_t size = present - group < LAYER_OUTPUTS ? present - group : LAYER_OUTPUTS;
                    for (ptrdiff_t i = 0; i < LAYER_OUTPUTS; i++)
                        pixels[i] = activations + (position * tiles + group + (i < size ? i : 0)) * channels;
                    TYPED(add_products)(&pointwise, pixels, weights, sums);
                    memcpy(products + (position * tiles + group) * TYPED(BLOCK), sums, (size_t)size * sizeof sums[0]);
                }
            for (ptrdiff_t tile = 0; tile < present; tile++)
                TYPED(write_tile)(target, &places[tile], filter, target->channels - filter,
                                  products + tile * TYPED(BLOCK), tiles * TYPED(BLOCK));
        }
    }
}
