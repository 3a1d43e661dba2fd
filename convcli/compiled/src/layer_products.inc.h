/* A dense layer, for one type of VALUE: registers hold a block of filters for several outputs. The input holds its
   padding. Each output adds its products in the order of the window. */
#if defined(__GNUC__)
typedef VALUE TYPED(vector) __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef VALUE TYPED(vector);
#endif
enum {
    TYPED(LANES) = sizeof(TYPED(vector)) / sizeof(VALUE),
    TYPED(BLOCK) = LAYER_BLOCK_BYTES / sizeof(VALUE),
    TYPED(VECTORS) = TYPED(BLOCK) / TYPED(LANES),
};

/* Compute one block of filters for some outputs; `pixels` are the first activations of their windows. */
static void TYPED(add_products)(const struct layer *layer, const VALUE *const *pixels, const VALUE *weights,
                                VALUE sums[][TYPED(BLOCK)])
{
    TYPED(vector) totals[LAYER_OUTPUTS][TYPED(VECTORS)] = {{{0}}}, row[TYPED(VECTORS)];
    ptrdiff_t down = layer->dilation_down * layer->input.row_distance;
    ptrdiff_t across = layer->dilation_across * layer->input.pixel_distance;
    ptrdiff_t runs = layer->window_width, run = layer->input.channels;
    if (across == run) { /* the window's columns adjoin */
        run *= runs;
        runs = 1;
    }
    for (ptrdiff_t y = 0; y < layer->window_height; y++)
        for (ptrdiff_t x = 0; x < runs; x++) {
            ptrdiff_t start = y * down + x * across;
            for (ptrdiff_t i = start; i < start + run; i++, weights += TYPED(BLOCK)) {
                UNROLLED for (int v = 0; v < TYPED(VECTORS); v++)
                    memcpy(&row[v], weights + v * TYPED(LANES), sizeof row[v]);
                UNROLLED for (int output = 0; output < LAYER_OUTPUTS; output++)
                    UNROLLED for (int v = 0; v < TYPED(VECTORS); v++)
                        totals[output][v] += row[v] * pixels[output][i];
            }
        }
    UNROLLED for (int output = 0; output < LAYER_OUTPUTS; output++)
        UNROLLED for (int v = 0; v < TYPED(VECTORS); v++) {
            memcpy(&row[v], weights + v * TYPED(LANES), sizeof row[v]); /* the bias */
            totals[output][v] += row[v];
            memcpy(sums[output] + v * TYPED(LANES), &totals[output][v], sizeof row[v]);
        }
}

/* Write where the windows and the results of some outputs begin, from output number `first` on. */
static void TYPED(locate)(const struct layer *layer, ptrdiff_t first, int count, const VALUE **pixels, VALUE **results)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t column = first % target->width, row = first / target->width % target->height;
    ptrdiff_t image = first / target->width / target->height;
    for (int output = 0; output < count; output++) {
        pixels[output] = (const VALUE *)input->values
                         + (image * input->image_distance
                            + (layer->top + row * layer->stride_down) * input->row_distance
                            + (layer->left + column * layer->stride_across) * input->pixel_distance);
        results[output] = (VALUE *)target->values + image * target->image_distance + row * target->row_distance
                          + column * target->pixel_distance;
        if (++column == target->width) {
            column = 0;
            if (++row == target->height) {
                row = 0;
                image++;
            }
        }
    }
}

static void TYPED(products)(const struct layer *layer)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t outputs = target->images * target->height * target->width;
    ptrdiff_t block_weights = (layer->window_height * layer->window_width * input->channels + 1) * TYPED(BLOCK);
    const VALUE *pixels[LAYER_PANEL];
    VALUE *results[LAYER_PANEL], sums[LAYER_OUTPUTS][TYPED(BLOCK)];
    for (ptrdiff_t first = 0; first < outputs; first += LAYER_PANEL) {
        int count = outputs - first < LAYER_PANEL ? (int)(outputs - first) : LAYER_PANEL;
        TYPED(locate)(layer, first, count, pixels, results);
        for (int output = count; output % LAYER_OUTPUTS; output++)
            pixels[output] = pixels[0];
        for (ptrdiff_t filter = 0; filter < target->channels; filter += TYPED(BLOCK)) {
            const VALUE *weights = (const VALUE *)layer->weights + filter / TYPED(BLOCK) * block_weights;
            ptrdiff_t filters = target->channels - filter;
            for (int group = 0; group < count; group += LAYER_OUTPUTS) {
                TYPED(add_products)(layer, pixels + group, weights, sums);
                for (int output = 0; output < LAYER_OUTPUTS && group + output < count; output++)
                    if (filters >= TYPED(BLOCK))
                        memcpy(results[group + output] + filter, sums[output], sizeof sums[output]);
                    else
                        memcpy(results[group + output] + filter, sums[output], (size_t)filters * sizeof(VALUE));
            }
        }
    }
}
