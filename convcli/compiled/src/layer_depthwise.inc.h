/* A depthwise layer, for one type of VALUE: each channel has its own window of weights.

   A row of weights holds those of one tap for all channels, then again from the first channel on, so that a vector may
   begin at any channel; the last row is the bias. Each output adds its products in the order of the window. */
enum { TYPED(OUTPUTS) = 8 };

/* Compute a vector of channels for `count` outputs, whose windows lie `step` apart. */
static INLINED void
TYPED(depthwise_vectors)(const struct layer *layer, const VALUE *pixel, ptrdiff_t step, const VALUE *weights,
                         VALUE *result, ptrdiff_t result_step, const int count)
{
    TYPED(vector) totals[TYPED(OUTPUTS)], weight, value;
    memset(totals, 0, sizeof totals);
    ptrdiff_t down = layer->dilation_down * layer->input.row_distance;
    ptrdiff_t across = layer->dilation_across * layer->input.pixel_distance;
    ptrdiff_t weight_row = layer->input.channels + TYPED(BLOCK);
    for (ptrdiff_t y = 0; y < layer->window_height; y++)
        for (ptrdiff_t x = 0; x < layer->window_width; x++, weights += weight_row) {
            const VALUE *start = pixel + y * down + x * across;
            memcpy(&weight, weights, sizeof weight);
            UNROLLED for (int output = 0; output < count; output++) {
                memcpy(&value, start + output * step, sizeof value);
                totals[output] += weight * value;
            }
        }
    memcpy(&weight, weights, sizeof weight);
    UNROLLED for (int output = 0; output < count; output++) {
        totals[output] += weight;
        memcpy(result + output * result_step, &totals[output], sizeof weight);
    }
}

static void TYPED(depthwise_value)(const struct layer *layer, const VALUE *pixel, const VALUE *weights, VALUE *result)
{
    ptrdiff_t weight_row = layer->input.channels + TYPED(BLOCK);
    VALUE total = 0;
    for (ptrdiff_t y = 0; y < layer->window_height; y++)
        for (ptrdiff_t x = 0; x < layer->window_width; x++, weights += weight_row)
            total += *weights * pixel[y * layer->dilation_down * layer->input.row_distance
                                      + x * layer->dilation_across * layer->input.pixel_distance];
    *result = total + *weights;
}

/* Few channels, but the pixels of the row adjoin and so do their windows: the row is one line of values. */
static void TYPED(depthwise_line)(const struct layer *layer, const VALUE *pixels, VALUE *results)
{
    ptrdiff_t channels = layer->input.channels, length = layer->target.width * channels;
    for (ptrdiff_t next = 0; next < length; next += TYPED(LANES)) {
        ptrdiff_t at = next + TYPED(LANES) <= length ? next : length - TYPED(LANES);
        const VALUE *weights = (const VALUE *)layer->weights + at % channels;
        TYPED(depthwise_vectors)(layer, pixels + at, 0, weights, results + at, 0, 1);
    }
}

/* At least a vector of channels; the last vector may compute some of them again. */
static void TYPED(depthwise_pixels)(const struct layer *layer, const VALUE *pixels, VALUE *results)
{
    ptrdiff_t channels = layer->input.channels, width = layer->target.width;
    ptrdiff_t step = layer->stride_across * layer->input.pixel_distance, result_step = layer->target.pixel_distance;
    for (ptrdiff_t next = 0; next < channels; next += TYPED(LANES)) {
        ptrdiff_t channel = next + TYPED(LANES) <= channels ? next : channels - TYPED(LANES);
        const VALUE *weights = (const VALUE *)layer->weights + channel, *pixel = pixels + channel;
        VALUE *result = results + channel;
        ptrdiff_t column = 0;
        for (; column + TYPED(OUTPUTS) <= width; column += TYPED(OUTPUTS))
            TYPED(depthwise_vectors)(layer, pixel + column * step, step, weights, result + column * result_step,
                                     result_step, TYPED(OUTPUTS));
        for (; column < width; column++)
            TYPED(depthwise_vectors)(layer, pixel + column * step, step, weights, result + column * result_step,
                                     result_step, 1);
    }
}

static void TYPED(depthwise)(const struct layer *layer)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    ptrdiff_t channels = input->channels;
    bool is_line = layer->stride_across == 1 && input->pixel_distance == channels && target->pixel_distance == channels
                   && target->width >= TYPED(LANES);
    for (ptrdiff_t image = 0; image < target->images; image++)
        for (ptrdiff_t row = 0; row < target->height; row++) {
            const VALUE *pixels = (const VALUE *)input->values + image * input->image_distance
                                  + row * layer->stride_down * input->row_distance;
            VALUE *results = (VALUE *)target->values + image * target->image_distance + row * target->row_distance;
            if (channels >= TYPED(LANES))
                TYPED(depthwise_pixels)(layer, pixels, results);
            else if (is_line)
                TYPED(depthwise_line)(layer, pixels, results);
            else
                for (ptrdiff_t column = 0; column < target->width; column++)
                    for (ptrdiff_t channel = 0; channel < channels; channel++)
                        TYPED(depthwise_value)(layer,
                                               pixels + column * layer->stride_across * input->pixel_distance + channel,
                                               (const VALUE *)layer->weights + channel,
                                               results + column * target->pixel_distance + channel);
        }
}
